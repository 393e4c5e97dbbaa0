/* SPDX-License-Identifier: MIT */
/*
 * exit.c - undoes a thread's registration when the thread ends, on C libraries that need it (musl; exit.h says why).
 *
 * A destructor of thread-specific data undoes the registration. If a thread first sets such data at its end, in the last round
 * of destructors, the data's destructor never runs. This library therefore sets its data in the thread's first instructions
 * (start.c). A thread that has no such data isn't registered at all, except the initial thread. The destructor's first run
 * undoes the registration for good. After that, operations in later destructors and in signal handlers work without rseq.
 */
#define _GNU_SOURCE
#include "exit.h"

#if RK_EXIT_MATTERS
#include <pthread.h>
#include "area.h"
#include "early.h"
#include "os/kernel.h"
#include "os/word.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool have_key, started;

/*
 * Undoes this library's registration of the ending thread for good.
 *
 * Stores the reason before the system call that unregisters. Otherwise a signal handler after the call would register the
 * thread again. An early adopter's protocol requires that signals stay blocked from the time when the count becomes 0 until
 * the thread is unregistered.
 */
static void at_thread_end(void *unused)
{
	const struct rk_process *p = rk_process_get();
	struct rk_thread_state *state = rk_state_in_use(p);
	volatile uint32_t *adopters = rk_kind_of(p)->counted ? rk_early_users(p->offset) : NULL;
	unsigned char before[RK_SIGSET_SIZE];
	bool blocked, last;

	(void)unused;
	if (READ(state->reason) == RK_REASON_NONE)
		WRITE(state->reason, RK_REASON_EXITING);
	WRITE(state->restore, 0);
	blocked = rk_kernel_block_signals(before) == 0;
	last = READ(state->registered);
	if (adopters != NULL)
		last = READ(state->counted) && rk_word_add(adopters, (uint32_t)-1) == 0;
	if (last)
		(void)rk_kernel_unregister(rk_area_of(p), p->length);
	WRITE(state->counted, 0);
	WRITE(state->registered, 0);
	if (blocked)
		(void)rk_kernel_set_signals(before, NULL);
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
	/* A signal handler may have run an operation before this call, and that operation stored that the thread is unwatched. */
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
