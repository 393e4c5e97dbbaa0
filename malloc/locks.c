/* SPDX-License-Identifier: MIT */
/*
 * locks.c - takes and releases the allocator's locks, and all of them at a fork; see locks.h. Each size class has a lock, and the
 * pages have one.
 */
#include "locks.h"

#include <pthread.h>
#include <rseqkit/mutex.h>
#include "classes.h"

static struct {
	_Alignas(64) struct rk_mutex lock;
} locks[CLASSES];

#define PATIENCE 2000000 /* ns that a thread waits for another thread's fork */

enum { IN_SPANS = 1, IN_PAGES = 2 };

/* Which locks this thread takes or holds. Set before a lock is taken, so that signal handlers see it. */
static __thread struct {
	uint8_t at;    /* IN_SPANS: a class's lock; IN_PAGES: the lock of pages */
	uint8_t forks; /* number of forks that this thread is executing, including forks by its signal handlers */
} inside;

static void *has_all; /* NULL, or &inside of the thread whose fork holds all locks, so this thread needn't take one */

/*
 * Sets inside.at. The fences keep the compiler from moving this store, so that signal handlers of this thread see it at the
 * right time.
 */
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
 * A fork in a signal handler takes no locks if the handler interrupted the allocator, or another fork. After such a handler,
 * the interrupted code continues, in the parent and in the child. While a fork takes or releases locks, inside.at says that
 * the thread takes all locks, so its signal handlers take none.
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
