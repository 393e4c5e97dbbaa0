/* SPDX-License-Identifier: MIT */
/*
 * percpu.c - pools of per-CPU items over ranges of address space (percpu_range.c; the picture is in percpu.h).
 *
 * The invariant: there is no lock. Whatever pools share changes by one atomic instruction at a time, and every state
 * in between is a valid one. So a thread may end, and a child be forked, anywhere in here, also by a signal handler
 * and without handlers of fork, and nobody ever waits: what was about to be created or freed there is lost, no more.
 *
 *   taken   used         the item
 *     0      0           may be handed out
 *     1      0           on its way: somebody prepares it, or fills it as it is freed; or failed its poison check
 *     1      1           handed out
 */
#define _GNU_SOURCE
#include <rseqkit/percpu.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "percpu_range.h"
#include "registration/process.h"

#define ALIGNMENT_MAX 4096
#define POISON 0xa5

static unsigned long bit_of(size_t number)
{
	return 1UL << (number % BITS);
}

/* Both return whether the bit was set. What was done to an item before it is cleared is seen by who sets it. */
static bool set_bit(unsigned long *set, size_t number)
{
	return __atomic_fetch_or(&set[number / BITS], bit_of(number), __ATOMIC_ACQ_REL) & bit_of(number);
}

static bool clear_bit(unsigned long *set, size_t number)
{
	return __atomic_fetch_and(&set[number / BITS], ~bit_of(number), __ATOMIC_ACQ_REL) & bit_of(number);
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

static bool has_used_items(const struct rk_percpu *pool)
{
	for (struct range *range = pool->ranges; range != NULL; range = range->next)
		for (size_t word = 0; word < rk_words_per_set(pool); word++)
			if (__atomic_load_n(&range->used[word], __ATOMIC_ACQUIRE) != 0)
				return true;
	return false;
}

int rk_percpu_destroy(struct rk_percpu *pool)
{
	if (pool == NULL)
		return 0;
	if (has_used_items(pool))
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

/*
 * Takes an item of the range that may be handed out. False if there is none. Where to look first is a guess of the
 * latest callers, and `vacant` no less than what there is.
 */
static bool take(const struct rk_percpu *pool, struct range *range, size_t *number)
{
	size_t words = rk_words_per_set(pool), first = __atomic_load_n(&range->first, __ATOMIC_RELAXED);

	if (__atomic_load_n(&range->vacant, __ATOMIC_RELAXED) == 0)
		return false;
	for (size_t i = 0; i < words; i++) {
		size_t word = first + i < words ? first + i : first + i - words;
		unsigned long taken = __atomic_load_n(&range->taken[word], __ATOMIC_RELAXED);

		for (; ~taken != 0; taken = __atomic_load_n(&range->taken[word], __ATOMIC_RELAXED)) {
			*number = word * BITS + (size_t)__builtin_ctzl(~taken);
			if (set_bit(range->taken, *number))
				continue; /* another thread was faster */
			__atomic_fetch_sub(&range->vacant, 1, __ATOMIC_RELAXED);
			if (word != first)
				__atomic_store_n(&range->first, word, __ATOMIC_RELAXED);
			return true;
		}
	}
	return false;
}

static void give_back(struct range *range, size_t number)
{
	if (number / BITS < __atomic_load_n(&range->first, __ATOMIC_RELAXED))
		__atomic_store_n(&range->first, number / BITS, __ATOMIC_RELAXED);
	__atomic_fetch_add(&range->vacant, 1, __ATOMIC_RELAXED);
	(void)clear_bit(range->taken, number);
}

/* One range more, unless somebody else is faster. False without memory. */
static bool extend(struct rk_percpu *pool, struct range *newest)
{
	struct range *range = rk_range_new(pool);

	if (range == NULL)
		return __atomic_load_n(&pool->ranges, __ATOMIC_RELAXED) != newest;
	range->next = newest;
	if (!__atomic_compare_exchange_n(&pool->ranges, &newest, range, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		rk_range_free(pool, range);
	return true;
}

/* An item on its way out: the range that it is in, or NULL without memory. */
static struct range *take_anywhere(struct rk_percpu *pool, size_t *number)
{
	struct range *newest;

	do {
		newest = __atomic_load_n(&pool->ranges, __ATOMIC_ACQUIRE);
		for (struct range *range = newest; range != NULL; range = range->next)
			if (take(pool, range, number))
				return range;
	} while (extend(pool, newest));
	return NULL;
}

int rk_percpu_alloc(struct rk_percpu *pool, void **item)
{
	struct range *range;
	size_t number;
	char *taken;

	if (pool == NULL || item == NULL)
		return -EINVAL;
	*item = NULL;
	range = take_anywhere(pool, &number);
	if (range == NULL)
		return -ENOMEM;
	taken = range->slot0 + number * pool->spacing;
	if (set_bit(range->written, number)) {
		if ((pool->flags & RK_PERCPU_DEBUG) && !is_poisoned(pool, taken))
			return -EUCLEAN;
		reset(pool, taken);
	} else if (pool->has_initial && !range->from_template) {
		reset(pool, taken);
	}
	(void)set_bit(range->used, number);
	*item = taken;
	return 0;
}

/* The range that has `item` as a slot 0, and its number there. */
static struct range *find(const struct rk_percpu *pool, const char *item, size_t *number)
{
	struct range *range = __atomic_load_n(&pool->ranges, __ATOMIC_ACQUIRE);

	for (; range != NULL; range = range->next) {
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

	if (item == NULL)
		return 0;
	if (pool == NULL)
		return -EINVAL;
	range = find(pool, item, &number);
	if (range == NULL || !clear_bit(range->used, number))
		return -EINVAL;
	if (pool->flags & RK_PERCPU_DEBUG)
		poison(pool, item);
	give_back(range, number);
	return 0;
}
