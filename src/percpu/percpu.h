/* SPDX-License-Identifier: MIT */
/*
 * percpu.h - for the source files of per-CPU memory (rseqkit/percpu.h). A pool hands out items. An item has a slot for each CPU,
 * and lies in a range, which is one mapping (percpu_range.h). The functions of this file find where an item is in its pool, and
 * access the bits that say whether the item is in use.
 */
#ifndef RK_SRC_PERCPU_H
#define RK_SRC_PERCPU_H

#include "percpu_range.h"

#define POISON 0xa5 /* in debug mode, each byte of a freed item */
#define GUARD 0x5c  /* in debug mode, each of the GUARD_SIZE bytes after an item in use */
#define GUARD_SIZE 16

/*
 * rk_set_bit() and rk_clear_bit() change an item's bit in one of the three sets of its range, and return whether the bit was set
 * before. A thread that sets a bit sees all that was done to the item before the bit was cleared.
 */
static inline bool rk_set_bit(unsigned long *set, size_t number)
{
	unsigned long bit = 1UL << (number % BITS);

	return __atomic_fetch_or(rk_word_of_set(set, number / BITS), bit, __ATOMIC_ACQ_REL) & bit;
}

static inline bool rk_clear_bit(unsigned long *set, size_t number)
{
	unsigned long bit = 1UL << (number % BITS);

	return __atomic_fetch_and(rk_word_of_set(set, number / BITS), ~bit, __ATOMIC_ACQ_REL) & bit;
}

static inline bool rk_bit(unsigned long *set, size_t number)
{
	return __atomic_load_n(rk_word_of_set(set, number / BITS), __ATOMIC_ACQUIRE) >> (number % BITS) & 1;
}

/* Where an item is: its range, the range's entry and number in the pool's table, and the item's number in the range. */
struct place {
	struct range *range;
	struct rk_range_entry *entry;
	size_t range_number, number;
};

static inline char *rk_item_at(const struct rk_percpu *pool, const struct place *place)
{
	return place->range->slot0 + place->number * pool->spacing;
}

/* Finds the place of `item`. Returns false if `item` isn't an item of the pool. */
bool rk_item_find(const struct rk_percpu *pool, const void *item, struct place *place);

/*
 * The debug mode (percpu_debug.c). rk_item_poison() fills a freed item with POISON, and rk_item_is_poisoned() returns whether
 * all these bytes are unchanged. rk_item_guard() and rk_item_is_guarded() do the same with the bytes GUARD after an item in
 * use. rk_debug_pool_enter() adds a pool to the list of pools in debug mode. rk_debug_pool_leave() removes the pool.
 */
void rk_item_poison(const struct rk_percpu *pool, const struct place *place);
bool rk_item_is_poisoned(const struct rk_percpu *pool, const struct place *place);
void rk_item_guard(const struct rk_percpu *pool, const struct place *place);
bool rk_item_is_guarded(const struct rk_percpu *pool, const struct place *place);
void rk_debug_pool_enter(struct rk_percpu *pool);
void rk_debug_pool_leave(const struct rk_percpu *pool);

/*
 * Debug mode keeps three callers for each item: the last caller that allocated the item, the last caller that freed it, and the
 * caller that found the item's poison damaged.
 */
#define CALLERS 3
static inline const void **rk_item_callers(const struct place *place)
{
	const struct range *range = place->range;

	return (const void **)(uintptr_t)(range->sets + SETS * rk_words_per_set(range->items)) + CALLERS * place->number;
}

/*
 * Lets the first range of a new pool be a part of a mapping that such pools share (percpu_range.c). Pools with large items, with
 * initial contents or with flags get ranges of their own.
 */
void rk_percpu_share(struct rk_percpu *pool);

/* Like rk_percpu_alloc() and rk_percpu_free(). `caller` is an address in the code that called the public function. */
int rk_percpu_alloc_for(struct rk_percpu *pool, void **item, const void *caller);
int rk_percpu_free_for(struct rk_percpu *pool, void *item, const void *caller);

/*
 * Reserves an item of `size` bytes, at most RK_STRIDE, in a pool of its own. The item begins at a multiple of 64, and is never
 * freed. This function reserves addresses only for the CPU numbers of this kernel: some megabytes, instead of 2 GiB. Returns 0;
 * or -ENOMEM if there is no memory, or if the addresses would be more than `most` bytes.
 */
int rk_percpu_reserve(size_t size, size_t most, void **item);

#endif /* RK_SRC_PERCPU_H */
