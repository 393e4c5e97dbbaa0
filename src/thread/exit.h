/* SPDX-License-Identifier: MIT */
/*
 * exit.h - watches the ends of threads, on C libraries that reuse a thread's memory while the thread still runs (musl).
 *
 * The invariant: on musl a thread is registered only if this library will see the thread's end. After the end was seen, the
 * thread is never registered again. With glibc this library watches no ends, because glibc keeps a thread's memory until the
 * kernel doesn't use it any more.
 *
 * A detached thread of musl unmaps its memory, its area (struct rseq) included, and then still runs some last instructions.
 * If the kernel preempts the thread at these instructions, the kernel writes to the area before it returns to the thread.
 * The area's memory is unmapped, so the process dies. The library prevents this as follows:
 *
 *   - A thread whose start this library didn't see is never registered (RK_REASON_UNWATCHED). These are threads made by
 *     clone() and, if the process's only copy of this library is hidden in a plugin, threads made by other modules. The initial
 *     thread's memory is never reused, so this library needn't watch the initial thread.
 *   - RK_REASON_EXITING is stored before the system call that unregisters the thread, so that no handler registers the
 *     thread again.
 *   - A vfork child is recognised because its thread id differs from the one that musl keeps in TLS. A robust list shows
 *     nothing here: on musl, only a thread that has used a robust mutex has a robust list.
 *   - A copy of this library in a module that dlopen() loaded has no static TLS. The copy uses the thread block (area.h) of
 *     another copy that was loaded at the program's start. If there is no such copy, rk_area_offset is 0. On musl, operations
 *     test for 0 and then work without rseq (RK_REASON_LATE).
 *   - dl_iterate_phdr() shows whether a copy was loaded by dlopen(): it reports 0 loads (dlpi_adds) until the first dlopen().
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
/*
 * Creates the key whose destructor runs at a thread's end. Call this before the thread is created. Don't call it in a signal
 * handler.
 */
void rk_exit_prepare(void);

/*
 * Makes sure that the end of the calling thread will be seen. The code that interposes the creation of threads calls this
 * function in a thread's first instructions.
 */
void rk_exit_watch(void);

/* Marks the initial thread as watched, because its memory is never reused. The constructor in thread.c calls this function. */
void rk_exit_process_started(void);

/* Returns whether this library will see the calling thread's end, or needn't see it. Async-signal-safe. */
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
