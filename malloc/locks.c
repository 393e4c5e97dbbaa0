/* SPDX-License-Identifier: MIT */
/* locks.c - see locks.h. */
#include "locks.h"

#include <pthread.h>
#include <rseqkit/mutex.h>
#include "classes.h"

static struct {
	_Alignas(64) struct rk_mutex lock;
} locks[CLASSES];

#define PATIENCE 2000000 /* ns */

enum { IN_SPANS = 1, IN_PAGES = 2 };

/* What this thread is at, said before a lock is taken, for handlers. */
static __thread struct {
	uint8_t at;    /* of the above */
	uint8_t forks; /* handlers of fork it is between: those of a signal fork as well */
} inside;

static void *has_all; /* whose `inside`, for a fork: it needs none, in other handlers of the fork say */

/* In this order for handlers, who see both or one. */
static void say(uint8_t at)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	inside.at = at;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#define PART(which) ((which) == LOCK_OF_PAGES ? IN_PAGES : IN_SPANS)

static void *who_has_all(void)
{
	return __atomic_load_n(&has_all, __ATOMIC_RELAXED);
}

bool lock_enter(unsigned which)
{
	uint8_t before = inside.at;

	if (before >= PART(which))
		return false;
	say(before | PART(which));
	while (who_has_all() != &inside && rk_mutex_lock_for(&locks[which].lock, PATIENCE) != 0)
		if (who_has_all() != NULL) {
			say(before);
			return false;
		}
	return true;
}

void lock_leave(unsigned which)
{
	if (who_has_all() != &inside)
		(void)rk_mutex_unlock(&locks[which].lock);
	say(inside.at & (uint8_t)~PART(which));
}

void put_aside(void **list, void *item)
{
	void *next = __atomic_load_n(list, __ATOMIC_RELAXED);

	do
		*(void **)item = next;
	while (!__atomic_compare_exchange_n(list, &next, item, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

void *take_aside(void **list)
{
	return __atomic_load_n(list, __ATOMIC_RELAXED) == NULL ? NULL : __atomic_exchange_n(list, NULL, __ATOMIC_ACQUIRE);
}

/*
 * A handler that interrupted the allocator forks without: its thread goes on where it was, in the child as well. So does one
 * that interrupted a fork. While locks are taken or released handlers find the allocator in use.
 */
static void before_fork(void)
{
	if (inside.forks++ > 0 || inside.at != 0)
		return;
	say(IN_SPANS | IN_PAGES);
	for (unsigned i = 1; i <= CLASSES; i++)
		(void)rk_mutex_lock(&locks[i % CLASSES].lock);
	__atomic_store_n(&has_all, &inside, __ATOMIC_RELAXED);
	say(0);
}

static void after_fork(void)
{
	if (inside.forks == 1 && who_has_all() == &inside) {
		say(IN_SPANS | IN_PAGES);
		__atomic_store_n(&has_all, NULL, __ATOMIC_RELAXED);
		for (unsigned i = 0; i < CLASSES; i++)
			(void)rk_mutex_unlock(&locks[i].lock);
		say(0);
	}
	inside.forks--;
}

void locks_begin(void)
{
	(void)pthread_atfork(before_fork, after_fork, after_fork);
}
