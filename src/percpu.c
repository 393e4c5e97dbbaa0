/* SPDX-License-Identifier: MIT */
/*
 * percpu.c - pools of per-CPU items over ranges of address space (percpu_range.c; the picture is in percpu.h).
 *
 * One lock serves all pools: creating and freeing are rare, and one lock is what fork handlers can hold, so that a
 * child never inherits it taken.
 */
#define _GNU_SOURCE
#include <rseqkit/percpu.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include "area.h"
#include "percpu_range.h"
#include "process.h"

#define ALIGNMENT_MAX 4096
#define POISON 0xa5

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* `locked` is set for longer than the lock is held, so that a signal handler that forks never finds the reverse. */
static void take_lock(void)
{
	WRITE(rk_block.state.locked, 1);
	(void)pthread_mutex_lock(&lock);
}

static void drop_lock(void)
{
	(void)pthread_mutex_unlock(&lock);
	WRITE(rk_block.state.locked, 0);
}

#define FORKED_INSIDE 2

/* A fork in a signal handler that interrupted the holder of the lock must not wait for it. */
static void before_fork(void)
{
	if (READ(rk_block.state.locked))
		WRITE(rk_block.state.locked, READ(rk_block.state.locked) | FORKED_INSIDE);
	else
		take_lock();
}

static void after_fork(void)
{
	if (READ(rk_block.state.locked) & FORKED_INSIDE)
		WRITE(rk_block.state.locked, READ(rk_block.state.locked) & ~FORKED_INSIDE);
	else
		drop_lock();
}

__attribute__((__constructor__)) static void hold_lock_over_fork(void)
{
	(void)pthread_atfork(before_fork, after_fork, after_fork);
}

static bool get_bit(const unsigned long *set, size_t i)
{
	return set[i / BITS] >> (i % BITS) & 1;
}

static void flip_bit(unsigned long *set, size_t i)
{
	set[i / BITS] ^= 1UL << (i % BITS);
}

static size_t pool_size(const struct rk_percpu_options *options)
{
	return sizeof(struct rk_percpu) + (options->initial != NULL ? options->item_size : 0);
}

static void pool_free(struct rk_percpu *pool)
{
	size_t size = sizeof(*pool) + (pool->has_initial ? pool->item_size : 0);

	while (pool->ranges != NULL) {
		struct range *range = pool->ranges;

		pool->ranges = range->next;
		rk_range_free(pool, range);
	}
	(void)munmap(pool, size);
}

static bool options_valid(const struct rk_percpu_options *o)
{
	size_t alignment = o->alignment ? o->alignment : 8;

	return o->item_size > 0 && o->item_size <= RK_STRIDE && (alignment & (alignment - 1)) == 0 &&
	       alignment <= ALIGNMENT_MAX && (o->flags & ~RK_PERCPU_DEBUG) == 0;
}

int rk_percpu_create(struct rk_percpu **out, const struct rk_percpu_options *options)
{
	size_t alignment;
	struct rk_percpu *pool;

	if (out == NULL || options == NULL || !options_valid(options))
		return -EINVAL;
	*out = NULL;
	/* Whoever has an item may use operations on it, even before this library's constructor. */
	(void)rk_process_get();
	pool = rk_description_new(pool_size(options));
	if (pool == NULL)
		return -ENOMEM;
	alignment = options->alignment ? options->alignment : 8;
	pool->item_size = options->item_size;
	pool->spacing = (options->item_size + alignment - 1) & ~(alignment - 1);
	pool->per_range = RK_STRIDE / pool->spacing;
	pool->flags = options->flags;
	pool->has_initial = options->initial != NULL;
	if (pool->has_initial)
		memcpy(pool->initial, options->initial, pool->item_size);
	*out = pool;
	return 0;
}

int rk_percpu_destroy(struct rk_percpu *pool)
{
	bool busy;

	if (pool == NULL)
		return 0;
	take_lock();
	busy = pool->live > 0;
	drop_lock();
	if (busy)
		return -EBUSY;
	pool_free(pool);
	return 0;
}

static bool is_filled(const char *slot, size_t size, unsigned char with)
{
	return (unsigned char)slot[0] == with && memcmp(slot, slot + 1, size - 1) == 0;
}

/* A freed item still has the pattern it was filled with? */
static bool is_poisoned(const struct rk_percpu *pool, const char *item)
{
	FOR_EACH_INDEX(i)
		if (!is_filled(rk_percpu_slot(item, i), pool->item_size, POISON))
			return false;
	return true;
}

static void poison(const struct rk_percpu *pool, char *item)
{
	FOR_EACH_INDEX(i)
		memset(rk_percpu_slot(item, i), POISON, pool->item_size);
}

/* Gives a used item its initial contents; looks first, so that a slot that never changed stays untouched. */
static void reset(const struct rk_percpu *pool, char *item)
{
	FOR_EACH_INDEX(i) {
		char *slot = rk_percpu_slot(item, i);

		if (!pool->has_initial) {
			if (!is_filled(slot, pool->item_size, 0))
				memset(slot, 0, pool->item_size);
		} else if (memcmp(slot, pool->initial, pool->item_size) != 0) {
			memcpy(slot, pool->initial, pool->item_size);
		}
	}
}

/* An item that was given back; its number, with the lock held. There is one. */
static size_t take_reusable(struct range *range)
{
	size_t word = 0, number;

	while (range->reusable[word] == 0)
		word++;
	number = word * BITS + (size_t)__builtin_ctzl(range->reusable[word]);
	flip_bit(range->reusable, number);
	range->reusable_count--;
	return number;
}

static int alloc_locked(struct rk_percpu *pool, char **item)
{
	struct range *range = pool->ranges;
	size_t number;

	while (range != NULL && range->reusable_count == 0 && range->fresh == pool->per_range)
		range = range->next;
	if (range == NULL) {
		range = rk_range_new(pool);
		if (range == NULL)
			return -ENOMEM;
		range->next = pool->ranges;
		pool->ranges = range;
	}
	if (range->reusable_count > 0) {
		number = take_reusable(range);
		*item = range->slot0 + number * pool->spacing;
		if ((pool->flags & RK_PERCPU_DEBUG) && !is_poisoned(pool, *item))
			return -EUCLEAN;
		reset(pool, *item);
	} else {
		number = range->fresh++;
		*item = range->slot0 + number * pool->spacing;
		if (pool->has_initial && !range->from_template)
			reset(pool, *item);
	}
	flip_bit(range->used, number);
	pool->live++;
	return 0;
}

int rk_percpu_alloc(struct rk_percpu *pool, void **item)
{
	char *allocated = NULL;
	int r;

	if (pool == NULL || item == NULL)
		return -EINVAL;
	take_lock();
	r = alloc_locked(pool, &allocated);
	drop_lock();
	*item = r == 0 ? allocated : NULL;
	return r;
}

/* The range that has `item` as a slot 0, and its number there. */
static struct range *find(const struct rk_percpu *pool, const char *item, size_t *number)
{
	for (struct range *range = pool->ranges; range != NULL; range = range->next) {
		size_t offset = (size_t)((uintptr_t)item - (uintptr_t)range->slot0);

		if ((uintptr_t)item < (uintptr_t)range->slot0 || offset % pool->spacing != 0)
			continue;
		*number = offset / pool->spacing;
		if (*number < pool->per_range)
			return range;
	}
	return NULL;
}

int rk_percpu_free(struct rk_percpu *pool, void *item)
{
	struct range *range;
	size_t number;
	int r = -EINVAL;

	if (item == NULL)
		return 0;
	if (pool == NULL)
		return -EINVAL;
	take_lock();
	range = find(pool, item, &number);
	if (range != NULL && get_bit(range->used, number)) {
		if (pool->flags & RK_PERCPU_DEBUG)
			poison(pool, item);
		flip_bit(range->used, number);
		flip_bit(range->reusable, number);
		range->reusable_count++;
		pool->live--;
		r = 0;
	}
	drop_lock();
	return r;
}
