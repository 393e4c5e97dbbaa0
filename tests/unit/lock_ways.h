/* SPDX-License-Identifier: MIT */
/*
 * lock_ways.h - a per-CPU lock, the ways to acquire it, and the results that another thread gets. Each CPU's part of the lock
 * is a slot.
 */
#ifndef LOCK_WAYS_H
#define LOCK_WAYS_H

#include "refuse.h"
#include "ways.h"

/*
 * HERE acquires this CPU's slot by a section (an rseq critical section). HERE_SLOWLY calls the slow function, which first tries
 * the section again. HERE_BY_OVERFLOW acquires the slot of threads without rseq, the overflow slot. A remote owner is a thread
 * that names the slot: with FROM_ELSEWHERE the slot of CPU `here`, and with FROM_ELSEWHERE_OVERFLOW the overflow slot. If the
 * thread that uses HERE or HERE_SLOWLY can't use sections, these two ways acquire the overflow slot.
 */
enum lock_way { HERE, HERE_SLOWLY, HERE_BY_OVERFLOW, FROM_ELSEWHERE, FROM_ELSEWHERE_OVERFLOW, LOCK_WAYS };

static struct rk_lock *lock;
static int here; /* the CPU to which a test binds the threads of this process */

/* Returns true if both ways acquire the same slot. */
static inline bool same_data(enum lock_way one, enum lock_way other)
{
	bool here_by_section = WITH_RSEQ();
	bool is_here[LOCK_WAYS] = {here_by_section, here_by_section, false, true, false};

	return is_here[one] == is_here[other];
}

static inline int take(enum lock_way way, int64_t nanoseconds, void **data)
{
	switch (way) {
	case HERE:
		return rk_lock_here_for(lock, nanoseconds, data);
	case HERE_SLOWLY:
		return rki_lock_here_slow(lock, nanoseconds, data, RK_ABORTED);
	case HERE_BY_OVERFLOW:
		return rki_lock_here_slow(lock, nanoseconds, data, RK_NO_RSEQ);
	case FROM_ELSEWHERE:
		return rk_lock_cpu_for(lock, here, nanoseconds, data);
	default:
		return rk_lock_cpu_for(lock, RK_INDEX_OVERFLOW, nanoseconds, data);
	}
}

/* Acquires and releases the lock. Returns the result of the acquisition. */
static inline int take_once(enum lock_way way, int64_t nanoseconds)
{
	void *data;
	int r = take(way, nanoseconds, &data);

	MUST((data != NULL) == (r >= 0));
	if (r >= 0)
		MUST(rk_lock_release(lock, data) == 0);
	return r;
}

struct other {
	enum lock_way way;
	int64_t nanoseconds;
	void *release;
	int result;
};

static inline void *other_does(void *arg)
{
	struct other *other = arg;

	other->result = other->release != NULL ? rk_lock_release(lock, other->release) :
						 take_once(other->way, other->nanoseconds);
	return NULL;
}

static inline int other(struct other other)
{
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, other_does, &other) == 0 && pthread_join(thread, NULL) == 0);
	return other.result;
}

static inline int other_tries(enum lock_way way)
{
	return other((struct other){.way = way});
}

static inline int other_waits(enum lock_way way)
{
	return other((struct other){.way = way, .nanoseconds = 2000000});
}

/*
 * Checks that every acquisition returns 0, in this thread and in another thread, so no thread holds a slot, and no owner was
 * lost.
 */
static inline void all_is_free(void)
{
	for (int way = 0; way < LOCK_WAYS; way++)
		MUST(take_once((enum lock_way)way, 0) == 0 && other_tries((enum lock_way)way) == 0 && other_waits((enum lock_way)way) == 0);
}

#endif /* LOCK_WAYS_H */
