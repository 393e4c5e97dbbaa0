/* SPDX-License-Identifier: MIT */
/*
 * exit.c - undoes a thread's registration when the thread ends, on C libraries that need it (exit.h).
 *
 * A destructor of thread-specific data undoes the registration. A destructor that is armed late possibly never runs, for
 * example if the thread is in its last round of destructors. So our destructor is armed in the thread's first instructions
 * (start.c). A thread without the destructor, except the initial thread, is not registered at all. The destructor's first
 * run undoes the registration for good. After that, operations in later destructors and in signal handlers take the
 * fallback.
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
	/* Possibly a signal handler ran before this function, and its operation was refused because the thread was unwatched. */
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
	 * The constructor marks the initial thread as armed. Before the constructor has run, the thread id shows whether
	 * this is the initial thread.
	 */
	return READ(state->armed) || (!__atomic_load_n(&started, __ATOMIC_RELAXED) && is_initial_thread());
}
#endif
