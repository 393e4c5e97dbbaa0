/* SPDX-License-Identifier: MIT */
/*
 * exit.h - the ends of threads, on C libraries that reuse a thread's memory while the thread still runs (musl).
 *
 * The invariant: there a thread is registered only if its end will be seen, and is registered no more once its end
 * was seen. glibc keeps a thread's memory until the kernel has let go of it, and needs none of this.
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
