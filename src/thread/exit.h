/* SPDX-License-Identifier: MIT */
/*
 * exit.h - the ends of threads, on C libraries that reuse a thread's memory while the thread still runs (musl).
 *
 * The invariant: on musl a thread is registered only if this library will see its end, and never after that end was seen.
 * With glibc none of this is needed, because glibc keeps a thread's memory until the kernel no longer uses it.
 *
 * A detached thread of musl unmaps its memory, the area included, and then still runs some last instructions. If the kernel
 * preempts the thread there, the kernel writes to the area on the way back from the system call. That memory is gone, so
 * the process dies.
 *
 *   - A thread whose start this library didn't see is never registered (RK_REASON_UNWATCHED). Such threads are made by
 *     clone(), or by other modules while the only copy is hidden in a plugin. The initial thread's memory is never reused,
 *     so this library needn't watch it.
 *   - RK_REASON_EXITING is stored before the system call, so that no handler registers the thread again.
 *   - A vfork child is recognised by its thread id, which musl caches in TLS. A robust list would not tell: on musl only a
 *     thread that has used a robust mutex has one.
 *   - A copy that a late dlopen() brought has no static TLS. It uses the block of a copy from the program's start. If there
 *     is none, rk_area_offset is 0. Operations test for that (on musl only) and take the fallback (RK_REASON_LATE).
 *   - dl_iterate_phdr() shows which copy came late: before any dlopen() its count of loads is 0.
 */
#ifndef RK_SRC_EXIT_H
#define RK_SRC_EXIT_H

#include <stdbool.h>
#include "process.h"

#ifdef __GLIBC__
#define RK_EXIT_MATTERS 0
#else
#define RK_EXIT_MATTERS 1
#endif

struct rk_thread_state;

#if RK_EXIT_MATTERS
/* Prepares for seeing the end of a thread. Called before the thread is created. Not for signal handlers. */
void rk_exit_prepare(void);

/*
 * Makes sure that the end of the calling thread will be seen. The code that interposes the creation of threads calls this
 * function in a thread's first instructions.
 */
void rk_exit_watch(void);

/* Called by the constructor. Marks the initial thread as watched, because its memory is never reused. */
void rk_exit_process_started(void);

/* Returns whether the end of the calling thread will be seen, or needn't be. Async-signal-safe. */
bool rk_exit_is_watched(struct rk_thread_state *state);
#else
static inline void rk_exit_prepare(void) {}
static inline void rk_exit_watch(void) {}
static inline void rk_exit_process_started(void) {}
static inline bool rk_exit_is_watched(struct rk_thread_state *state)
{
	(void)state;
	return true;
}
#endif

#endif /* RK_SRC_EXIT_H */
