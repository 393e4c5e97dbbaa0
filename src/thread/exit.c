/* SPDX-License-Identifier: MIT */
/*
 * exit.c - undoes a thread's registration when the thread ends, on C libraries that need it (musl; exit.h says why).
 *
 * A destructor of thread-specific data undoes the registration. If a thread first sets such data at its end, in the last
 * round of destructors, the data's destructor never runs. So this library sets its data in the thread's first instructions
 * (start.c). A thread that has no such data isn't registered at all, except the initial thread. The destructor's first run
 * undoes the registration for good. After that, operations in later destructors and in signal handlers work without rseq.
 */
#define _GNU_SOURCE
#include "exit.h"

#if RK_EXIT_MATTERS
#include <pthread.h>
#include "area.h"
#include "os/kernel.h"
#include "thread.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool have_key, started;

static void at_thread_end(void *state)
{
	(void)state;
	rk_thread_detach(RK_REASON_EXITING);
}

static void make_key(void)
{
	have_key = pthread_key_create(&key, at_thread_end) == 0;
}

static bool is_initial_thread(void)
{
	return RK_SYSCALL(SYS_gettid) == RK_SYSCALL(SYS_getpid);
}

void rk_exit_prepare(void)
{
	(void)pthread_once(&once, make_key);
}

void rk_exit_watch(void)
{
	struct rk_thread_state *state = rk_state_in_use(rk_process_get());

	if (!have_key || READ(state->armed) || pthread_setspecific(key, state) != 0)
		return;
	WRITE(state->armed, 1);
	/* Possibly a signal handler ran an operation before this call, and that operation stored that the thread is unwatched. */
	if (READ(state->reason) == RK_REASON_UNWATCHED)
		WRITE(state->reason, RK_REASON_NONE);
}

void rk_exit_process_started(void)
{
	if (is_initial_thread())
		WRITE(rk_state_in_use(rk_process_get())->armed, 1);
	started = true;
}

bool rk_exit_is_watched(struct rk_thread_state *state)
{
	/*
	 * `armed` says that a thread's end is watched. The constructor sets it for the initial thread. Before the constructor
	 * has run, the thread id shows whether this is the initial thread.
	 */
	return READ(state->armed) || (!__atomic_load_n(&started, __ATOMIC_RELAXED) && is_initial_thread());
}
#endif
