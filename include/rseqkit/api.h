/* SPDX-License-Identifier: MIT */
/*
 * api.h - how this library's functions are declared, and its version.
 *
 * Names. Use the names that begin with rk_ and RK_. Don't use names that begin with rki_ and RKI_, because such names can
 * change in any release. The library exports the rki_ functions that inlined code calls. These functions are no API, but they
 * are ABI: they change only when the soname changes. Names of the header embed.h begin with rke_.
 *
 * RKI_API marks an exported function that throws no exception, so a C++ program has no code for exceptions at the calls.
 * RKI_EXPORT marks exported variables, and functions that call functions of the program.
 *
 * RKI_INLINE marks a fast path that is inlined. For each such fast path, the library also exports a function, the twin, for other
 * languages and for debuggers. The file src/twins.c includes the same headers with RKI_INLINE defined as RKI_API, so the fast
 * path and its twin have one source. RKI_INLINE_ONLY marks a fast path that the library doesn't export. A language binding that
 * needs such a fast path as a function compiles share/rseqkit/twins.c, which is installed.
 *
 * The code of a fast path is in detail/, in a header of the same name. That header also declares the slow paths that the fast
 * path calls (..._slow), and the private members of structures.
 *
 * Contexts. The comment of each function says from where the function may be called, in these words:
 *   any thread      at any time in a thread's life, constructors and thread-exit destructors included
 *   signal handler  async-signal-safe: takes no lock, allocates nothing, leaves errno alone
 *   after fork      in the child of fork(), even if the parent has several threads, and in the child of a fork that runs no
 *                   handlers, like _Fork(). It doesn't matter whether a signal handler forked, or where in this library other
 *                   threads were
 *   vfork child     between vfork() and exec or _exit; see rk_vfork_begin() in thread.h
 *
 * Waiting. A function that takes a lock or a claim (remote.h) waits until the lock or claim is free. The form with _try
 * doesn't wait. The form with _for waits for at most `nanoseconds`: 0 means not at all, INT64_MAX for ever. All of these
 * functions return the same values:
 *   0           the caller holds the lock or claim
 *   1           the caller holds the lock or claim, in a child of fork. The previous holder was a thread that the child doesn't
 *               have, so a change of the protected data can be half done
 *   -EBUSY      (_try, or nanoseconds is 0) another thread or the caller holds the lock or claim
 *   -ETIMEDOUT  the time passed, and the caller doesn't hold the lock or claim
 *   -EDEADLK    the calling thread holds the lock or claim already, and would wait for itself
 *   -EINVAL     nanoseconds is negative, and the call would have to wait
 *
 * Structures that grow. The caller passes the structures for options, reports, snapshots and readers together with their size,
 * as sizeof gives it. Later releases append members.
 *   - Options: if the caller's structure is shorter than the library's, the missing members count as zeros. If the caller's
 *     structure is longer, and a byte that the library doesn't know isn't zero, the function returns -E2BIG. For a size of 0 it
 *     returns -EINVAL.
 *   - Reports: the library writes no more bytes than the size that the caller passed. Members that the library doesn't know
 *     become zeros.
 *   - Snapshots and readers: the caller's structure must have at least all members of the first release. Otherwise the function
 *     returns -EINVAL.
 *
 * Cancellation. No function of this library is a cancellation point: a request to cancel the thread stays pending. While
 * asynchronous cancellation is on (PTHREAD_CANCEL_ASYNCHRONOUS), a thread may call only these functions:
 *   - operations (ops.h, bank.h, gate.h); rk_cpu() and rk_cid()
 *   - rk_thread_prepare(), rk_thread_register(), rk_thread_unregister(); rk_thread_owner() and the other questions of thread.h
 *   - adds to counters and to groups of counters, and records in histograms; for static counters only once they are created
 *   - rk_counter_sum() and rk_counter_reset()
 *   - rk_process_query(), rk_percpu_query(), rk_counter_query()
 *   - functions whose context is "any"
 * If a thread is cancelled in another function, something is lost. Functions that create, allocate, free or destroy lose
 * address space, an item or a file descriptor. Locks, claims, references and readers stay held. Some functions take a claim
 * for themselves, and this claim stays held, too: reads of groups, histograms and caches, remote.h and vector.h. The library
 * itself waits for such a claim only with a time limit. A signal handler that leaves a function of this library by
 * siglongjmp(3), or by an exception, has the same effects.
 *
 * In C++ the functions are declared as not throwing. Their callers then need no tables for unwinding. In C++, don't cancel a
 * thread asynchronously inside any of these functions, and don't leave one by an exception from a signal handler. With g++ the
 * process would end by std::terminate(). With clang the caller's destructors wouldn't run.
 */
#ifndef RSEQKIT_API_H
#define RSEQKIT_API_H

#define RK_VERSION_MAJOR 0
#define RK_VERSION_MINOR 1
#define RK_VERSION_PATCH 0

/*
 * The headers use C-style casts in C++ too. g++ accepts these in extern "C". For clang, a pragma turns off the warning. A second
 * pragma turns off the warning about asm statements whose text is longer than ISO C's limit for strings.
 */
#ifdef __clang__
#define RKI_BEGIN_QUIET                                                                                                \
	_Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wold-style-cast\"")                      \
	_Pragma("clang diagnostic ignored \"-Woverlength-strings\"")
#define RKI_END_QUIET _Pragma("clang diagnostic pop")
#else
#define RKI_BEGIN_QUIET
#define RKI_END_QUIET
#endif
#ifdef __cplusplus
#if __cplusplus < 201103L
#error "rseqkit needs C++11 or later"
#endif
#define RKI_BEGIN_DECLS extern "C" { RKI_BEGIN_QUIET
#define RKI_END_DECLS RKI_END_QUIET }
#else
#define RKI_BEGIN_DECLS RKI_BEGIN_QUIET
#define RKI_END_DECLS RKI_END_QUIET
#endif

/*
 * A module that is linked with a copy of its own, librseqkit.a, and doesn't share the copy with other modules, may define
 * RK_HIDDEN. Inlined code then reads the copy's variables without looking up their addresses. If a module defines RK_HIDDEN and
 * is linked with librseqkit.so, the linker reports undefined symbols.
 */
#ifdef RK_HIDDEN
#define RKI_EXPORT extern __attribute__((__visibility__("hidden")))
#else
#define RKI_EXPORT extern __attribute__((__visibility__("default")))
#endif
#ifdef __cplusplus
#define RKI_API RKI_EXPORT __attribute__((__nothrow__))
#else
#define RKI_API RKI_EXPORT
#endif

/*
 * RKI_INLINE_ALWAYS is for functions that take the address of the caller's variable: if they are inlined, the variable can be in
 * registers.
 */
#ifndef RKI_INLINE
#define RKI_INLINE static inline __attribute__((__unused__, __nothrow__))
#define RKI_INLINE_ALWAYS static inline __attribute__((__unused__, __nothrow__, __always_inline__))
#else
#define RKI_INLINE_ALWAYS RKI_INLINE
#endif
#ifndef RKI_INLINE_ONLY
#define RKI_INLINE_ONLY RKI_INLINE
#endif

/*
 * The library stores some variables once, and then never again. Programs see them as constants, so that compilers keep them in
 * registers. rseqkit-all.c has the library in one file with these headers, so there they are variables.
 */
#ifdef RK_ONE_FILE
#define RKI_ONCE
#else
#define RKI_ONCE const
#endif

/* NULL, without a warning of compilers that want the keyword of C++. */
#ifdef __cplusplus
#define RKI_NULL nullptr
#else
#define RKI_NULL NULL
#endif

#define RKI_LIKELY(x) __builtin_expect(!!(x), 1)
#define RKI_UNLIKELY(x) __builtin_expect(!!(x), 0)

RKI_BEGIN_DECLS

/*
 * Returns the version of the loaded library, "MAJOR.MINOR.PATCH". RK_VERSION_* is the version of the header.
 *
 * Context: any thread, signal handler, after fork, vfork child. Cost: none.
 */
RKI_API const char *rk_version(void);

/*
 * Returns a sentence for an error number of this library's functions. The number may be negative, as functions return it, or
 * positive. The sentence says what the number means in this library; for example, strerror(3) would say "No route to host" for
 * -EHOSTUNREACH. The text is in static storage. It is "unknown" for numbers that no function returns.
 *
 * Context: any thread, signal handler, after fork, vfork child. Cost: nanoseconds.
 */
RKI_API const char *rk_error_text(int error);

RKI_END_DECLS

#endif /* RSEQKIT_API_H */
