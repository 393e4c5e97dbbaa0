/* SPDX-License-Identifier: MIT */
/*
 * api.h - how this library's functions are declared, and its version.
 *
 * Names. Programs use rk_ and RK_. They don't use rki_ and RKI_, which may change in any release. The library exports those rki_
 * functions that inlined code calls. They are no API, but they are ABI: they change with the soname only. The header embed.h has
 * names of its own, rke_.
 *
 * RKI_API marks an exported function. RKI_INLINE marks a fast path that is inlined. The library exports it as a function too,
 * its twin, for other languages and for debuggers. The file src/twins.c includes the same headers with RKI_INLINE defined as
 * RKI_API, so there is one source for both. RKI_INLINE_ONLY marks a fast path that the library doesn't export. A binding that
 * needs it as a function compiles share/rseqkit/twins.c, which is installed.
 *
 * The code of a fast path is in detail/, in a header of the same name. That header also declares the slow paths that the fast
 * path calls (..._slow), and the private members of structures.
 *
 * Contexts. Every function says from where it may be called, in these words:
 *   any thread      at any time in a thread's life, constructors and thread-exit destructors included
 *   signal handler  async-signal-safe: takes no lock, allocates nothing, leaves errno alone
 *   after fork      in the child of fork(), also of a multi-threaded parent, and in the child of a fork that runs no handlers,
 *                   like _Fork(). The fork may happen in a signal handler, and while other threads are anywhere in this library
 *   vfork child     between vfork() and exec or _exit; see rk_vfork_begin() in thread.h
 *
 * Waiting. A function that takes a lock or a claim waits for it. The form with _try doesn't wait. The form with _for waits for at
 * most `nanoseconds`: 0 means not at all, INT64_MAX for ever. All of these functions return the same values:
 *   0           the caller has it
 *   1           the caller has it, in a child of fork. The owner was a thread that the child lacks, so data may be half done
 *   -EBUSY      (_try, or no time) another thread has it, or the caller
 *   -ETIMEDOUT  the time is over
 *   -EDEADLK    the calling thread has it, and would wait for itself
 *   -EINVAL     nanoseconds is negative, and the call would have to wait
 *
 * Structures that grow. The caller passes options, reports, snapshots and readers with their size: sizeof, as the caller knows
 * it. Later releases append members.
 *   - Options: members that the caller doesn't know count as zeros. If a byte that the library doesn't know isn't zero, the
 *     function returns -E2BIG. For a size of 0 it returns -EINVAL.
 *   - Reports: the library writes no more bytes than the caller knows. Members that the library doesn't know become zeros.
 *   - Snapshots and readers: they have all members of the first release at least; otherwise the function returns -EINVAL.
 *
 * Cancellation. No function here is a cancellation point: a request stays pending. With asynchronous cancellation on
 * (PTHREAD_CANCEL_ASYNCHRONOUS) a thread may use operations, registration, queries and sums. It may not call functions that
 * create, allocate, free or destroy: a cancelled call loses address space, an item or a descriptor. It may not use claims and
 * the functions built on them (remote.h, vector.h) either: a claim that the thread held stays held. The library itself waits
 * for such a claim with a time limit only. A signal handler that leaves a function of this library by siglongjmp(3), or by an
 * exception, has the same effects.
 */
#ifndef RSEQKIT_API_H
#define RSEQKIT_API_H

#define RK_VERSION_MAJOR 0
#define RK_VERSION_MINOR 1
#define RK_VERSION_PATCH 0

/* The headers have casts of C, in C++ too. In extern "C" code g++ accepts them. For clang a pragma turns the warning off. */
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
 * A module that has a copy of the archive for itself alone may define RK_HIDDEN. Inlined code then reads that copy's variables
 * without looking up their addresses. A module that defines RK_HIDDEN and is linked with librseqkit.so gets undefined symbols.
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
 * The version of the library that is running, "MAJOR.MINOR.PATCH". RK_VERSION_* is the version of the header.
 *
 * Context: any thread, signal handler, after fork, vfork child. Cost: none.
 */
RKI_API const char *rk_version(void);

/*
 * A sentence for an error number of this library's functions, negative as they return it, or positive. It says what the number
 * means here, where strerror(3) would say "No route to host". The text is in static storage. It is "unknown" for numbers that no
 * function returns.
 *
 * Context: any thread, signal handler, after fork, vfork child. Cost: nanoseconds.
 */
RKI_API const char *rk_error_text(int error);

RKI_END_DECLS

#endif /* RSEQKIT_API_H */
