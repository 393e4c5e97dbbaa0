/* SPDX-License-Identifier: MIT */
/*
 * exit.h - the ends of threads, on C libraries that reuse a thread's memory while the thread still runs (musl).
 *
 * The invariant: there a thread is registered only if its end will be seen, and is registered no more once its end
 * was seen. glibc keeps a thread's memory until the kernel has let go of it, and needs none of this.
 *
 * musl unmaps a detached thread's memory, area included, while the thread runs its last instructions. When the kernel returns
 * from a system call to a thread that was preempted, it writes to memory that is no more, and the process dies.
 *
 *   - Threads that nobody saw start are never registered (RK_REASON_UNWATCHED): those made by clone(), or by others while the
 *     only copy is hidden in a plugin. The initial thread's memory is never reused, so it needs no watching.
 *   - RK_REASON_EXITING is kept before the system call, so that no handler registers the thread again.
 *   - A vfork child is told by its thread number, which musl caches in TLS: robust lists are only there for threads that
 *     have used one.
 *   - A copy that comes by a late dlopen has no static TLS to offer. It uses the block of a copy from the program's start.
 *     Otherwise rk_area_offset is 0, operations test for that (on musl only), and take the fallback (RK_REASON_LATE).
 *     dl_iterate_phdr() tells who came late: before any dlopen its count of loads is zero.
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
/* Before a thread is created: gets ready to see its end. Not for signal handlers. */
void rk_exit_prepare(void);

/* In a thread's first instructions, by whoever interposes its creation: its end will be seen. */
void rk_exit_watch(void);

/* The constructor's: if the calling thread is the process's initial one, its memory is never reused. */
void rk_exit_process_started(void);

/* Will the calling thread's end be seen, if it has to be? Async-signal-safe. */
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
