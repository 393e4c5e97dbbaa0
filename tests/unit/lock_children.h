/* SPDX-License-Identifier: MIT */
/*
 * lock_children.h - for tests of forks while a thread holds a per-CPU lock: functions that hold the lock, and checks that a
 * child makes. Each CPU's part of the lock is a slot.
 */
#ifndef LOCK_CHILDREN_H
#define LOCK_CHILDREN_H

#include "lock_ways.h"

static void *mine;
static enum lock_way way_of_other; /* the way by which another thread acquired the lock */
static pthread_barrier_t there, back;

static inline void start(void)
{
	forked = true;
	alarm(60);
}

/* Runs in a child of the thread that holds the lock. The child's thread holds the lock too. */
static inline int still_mine(int way)
{
	start();
	for (int second = 0; second < LOCK_WAYS; second++) {
		bool same = same_data((enum lock_way)way, (enum lock_way)second);

		CHECK(other_tries((enum lock_way)second) == (same ? -EBUSY : 0));
		CHECK(other_waits((enum lock_way)second) == (same ? -ETIMEDOUT : 0));
		CHECK(take_once((enum lock_way)second, 0) == (same ? -EBUSY : 0));
	}
	CHECK(rk_lock_release(lock, mine) == 0);
	all_is_free();
	return rk_lock_destroy(lock);
}

static inline void *hold(void *arg)
{
	void *data;

	CHECK(take(way_of_other, INT64_MAX, &data) == 0);
	pthread_barrier_wait(&there);
	pthread_barrier_wait(&back);
	CHECK(rk_lock_release(lock, data) == 0);
	return arg;
}

static inline pthread_t start_holding(enum lock_way way, void *(*how)(void *))
{
	pthread_t thread;

	way_of_other = way;
	MUST(pthread_create(&thread, NULL, how, NULL) == 0);
	pthread_barrier_wait(&there);
	return thread;
}

static inline void end_holding(pthread_t thread)
{
	pthread_barrier_wait(&back);
	MUST(pthread_join(thread, NULL) == 0);
}

/*
 * Runs in a child that lacks the thread that held the lock. The first acquisition of that thread's slot returns 1,
 * because the slot's owner was lost. All later acquisitions return 0.
 */
static inline int half_done(int way)
{
	bool same = same_data(way_of_other, (enum lock_way)way);

	start();
	CHECK(take_once((enum lock_way)way, 0) == same);
	CHECK(take_once(way_of_other, INT64_MAX) == !same);
	all_is_free();
	return rk_lock_destroy(lock);
}

static inline int in_a_child_of_clone(int (*deed)(int), int arg)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(deed(arg));
	return exit_status_of(pid);
}

static inline int alone_after_clone(int way)
{
	start();
	CHECK(take_once((enum lock_way)way, 0) == same_data(way_of_other, (enum lock_way)way));
	CHECK(take_once(way_of_other, 0) == !same_data(way_of_other, (enum lock_way)way));
	return 0;
}

static inline void prepare(cpu_set_t *allowed)
{
	assert_int_equal(sched_getaffinity(0, sizeof(*allowed), allowed), 0);
	for (here = CPU_SETSIZE - 1; !CPU_ISSET(here, allowed); here--)
		;
	pin(here);
	assert_int_equal(rk_lock_create(&lock, 8), 0);
	assert_int_equal(pthread_barrier_init(&there, NULL, 2), 0);
	assert_int_equal(pthread_barrier_init(&back, NULL, 2), 0);
}

static inline void finish(const cpu_set_t *allowed)
{
	assert_int_equal(rk_lock_destroy(lock), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(*allowed), allowed), 0);
}

#define NEEDS_THREADS_IN_CHILDREN()                                                                                    \
	do {                                                                                                           \
		if (THREAD_SANITIZED)                                                                                  \
			SKIP("ThreadSanitizer starts no threads in a child");                                          \
	} while (0)

#endif /* LOCK_CHILDREN_H */
