/* SPDX-License-Identifier: MIT */
/*
 * api.h - how this library's functions are declared, and its version.
 *
 * Names. Programs use rk_ and RK_. They don't use rki_ and RKI_, which may change in any release. The library exports the
 * rki_ functions that inlined code calls. So these are no API, but they are ABI: they change with the soname only. embed.h has
 * names of its own, rke_.
 *
 * RKI_API marks an exported function. RKI_INLINE marks a fast path that is inlined. The library exports it as a function too,
 * its twin, for other languages and for debuggers. src/twins.c includes the same headers with RKI_INLINE defined as RKI_API, so
 * there is one source for both. RKI_INLINE_ONLY marks a fast path that the library doesn't export. A binding that wants it as
 * a function compiles share/rseqkit/twins.c, which is installed. The code of fast paths is in detail/, in a header of the same
 * name, with the slow paths that it calls (..._slow) and the members of structures that are the library's own.
 *
 * Contexts. Every function says from where it may be called, in these words:
 *   any thread      at any time in a thread's life, constructors and thread-exit destructors included
 *   signal handler  async-signal-safe: takes no lock, allocates nothing, leaves errno alone
 *   after fork      in the child of fork(), also of a multi-threaded parent, and of a fork that runs no handlers, like
 *                   _Fork(), wherever it happened: in a signal handler too, while other threads were anywhere in here
 *   vfork child     between vfork() and exec or _exit; see rk_vfork_begin() in thread.h
 *
 * Waiting. A function that takes something waits for it. Its form with _try doesn't wait, and its form with _for waits for at
 * most `nanoseconds`: 0 is not at all, INT64_MAX for ever. They have the same answers everywhere:
 *   0           the caller has it
 *   1           it has it, in a child of fork where the owner was another thread, which isn't there: data may be half done
 *   -EBUSY      (_try, or no time) another thread has it, or the caller
 *   -ETIMEDOUT  the time is over
 *   -EDEADLK    the calling thread has it, and would wait for itself
 *   -EINVAL     nanoseconds is negative, where it would have to wait
 *
 * Structures that grow. Options, reports, snapshots and readers are passed with their size, sizeof as the caller knows it. Later
 * releases append members. Of options that the caller doesn't know yet the library takes zeros. If the caller asks for one that
 * the library doesn't know, by a byte there that isn't zero, the answer is -E2BIG, and for a size of 0 -EINVAL. Of reports the
 * library writes no more than the caller knows, and zeros what the caller knows and it doesn't. Snapshots and readers have all
 * members of the first release at least; else -EINVAL.
 *
 * Cancellation. No function here is a cancellation point: a request stays pending. With asynchronous cancellation on
 * (PTHREAD_CANCEL_ASYNCHRONOUS) operations, registration, queries and sums may be used; functions that create, allocate,
 * free or destroy may not, for what they were at is lost: address space, an item, a descriptor. Nor may claims and what
 * is built on them (remote.h, vector.h), for what the thread held stays held. Nobody waits for it without a bound. A signal
 * handler that leaves a function of this library by siglongjmp(3), or by an exception, does the same to it.
 */
#ifndef RSEQKIT_API_H
#define RSEQKIT_API_H

#define RK_VERSION_MAJOR 0
#define RK_VERSION_MINOR 1
#define RK_VERSION_PATCH 0

/* One source for C and C++ has casts as C has them. Of code inside extern "C" g++ doesn't complain; clang is told. */
#ifdef __cplusplus
#if __cplusplus < 201103L
#error "rseqkit needs C++11 or later"
#endif
#ifdef __clang__
#define RKI_BEGIN_DECLS                                                                                                \
	extern "C" {                                                                                                   \
	_Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wold-style-cast\"")
#define RKI_END_DECLS                                                                                                  \
	_Pragma("clang diagnostic pop")                                                                                \
	}
#else
#define RKI_BEGIN_DECLS extern "C" {
#define RKI_END_DECLS }
#endif
#else
#define RKI_BEGIN_DECLS
#define RKI_END_DECLS
#endif

/*
 * A module with a copy of the archive in it, for itself alone, may define RK_HIDDEN: what is inlined then reads that copy's
 * variables without looking up where they are. Linked with librseqkit.so it gets undefined symbols.
 */
#ifdef RK_HIDDEN
#define RKI_API extern __attribute__((__visibility__("hidden")))
#else
#define RKI_API extern __attribute__((__visibility__("default")))
#endif

#ifndef RKI_INLINE
#define RKI_INLINE static inline __attribute__((__unused__))
#endif
#ifndef RKI_INLINE_ONLY
#define RKI_INLINE_ONLY RKI_INLINE
#endif

#define RKI_LIKELY(x) __builtin_expect(!!(x), 1)
#define RKI_UNLIKELY(x) __builtin_expect(!!(x), 0)

RKI_BEGIN_DECLS

/*
 * The version of the library that is running, "MAJOR.MINOR.PATCH"; RK_VERSION_* is that of the header.
 *
 * Context: any thread, signal handler, after fork, vfork child. Cost: none.
 */
RKI_API const char *rk_version(void);

/*
 * A sentence for an error number of this library's functions, negative as they return it, or positive. It says what the number
 * means here, where strerror(3) says "No route to host". Static storage; "unknown" for numbers that no function returns.
 *
 * Context: any thread, signal handler, after fork, vfork child. Cost: nanoseconds.
 */
RKI_API const char *rk_error_text(int error);

RKI_END_DECLS

#endif /* RSEQKIT_API_H */
