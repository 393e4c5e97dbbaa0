/* SPDX-License-Identifier: MIT */
/*
 * percpu_table.c - the table of a pool's ranges. A range has a part of the pool's items (percpu_range.h). The table consists of
 * blocks, each twice as large as the previous one. The first block is part of the pool's memory.
 *
 * The invariant: entries are filled in the order of their numbers, each by one compare-and-swap, and never emptied.
 */
#include "percpu.h"

#include <errno.h>
#include <sys/mman.h>

static int block_of(size_t number)
{
	return (int)BITS - 1 - __builtin_clzl(number / FIRST_BLOCK + 1);
}

static size_t first_of_block(int block)
{
	return FIRST_BLOCK * (((size_t)1 << block) - 1);
}

struct rk_range_entry *rk_range_entry(const struct rk_percpu *pool, size_t number)
{
	int block = block_of(number);
	struct rk_range_entry *entries = block < BLOCKS ? __atomic_load_n(&pool->blocks[block], __ATOMIC_ACQUIRE) : NULL;

	if (entries == NULL || __atomic_load_n(&entries[number - first_of_block(block)].slot0, __ATOMIC_ACQUIRE) == NULL)
		return NULL;
	return &entries[number - first_of_block(block)];
}

int rk_range_publish(struct rk_percpu *pool, size_t number, struct range *range)
{
	int block = block_of(number);
	size_t size = sizeof(struct rk_range_entry) * FIRST_BLOCK << block;
	struct rk_range_entry *entries, *made = NULL;
	char *none = NULL;

	if (block >= BLOCKS)
		return -ENOMEM;
	entries = __atomic_load_n(&pool->blocks[block], __ATOMIC_ACQUIRE);
	if (entries == NULL) {
		made = (struct rk_range_entry *)rk_map(size);
		if (made == NULL)
			return -ENOMEM;
		if (__atomic_compare_exchange_n(&pool->blocks[block], &entries, made, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			entries = made;
		else
			rk_unmap(made, size);
	}
	entries += number - first_of_block(block);
	/*
	 * The items are counted before the range is visible. Otherwise other threads would take items that aren't counted yet.
	 * If another range already has this number, the counts are too high for a moment.
	 */
	__atomic_fetch_add(&entries->vacant, range->items, __ATOMIC_RELAXED);
	__atomic_fetch_add(&pool->vacant, range->items, __ATOMIC_RELAXED);
	if (__atomic_compare_exchange_n(&entries->slot0, &none, range->slot0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		return 0;
	__atomic_fetch_sub(&entries->vacant, range->items, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&pool->vacant, range->items, __ATOMIC_RELAXED);
	return -EEXIST;
}

void rk_ranges_free(struct rk_percpu *pool)
{
	size_t number = 0;

	FOR_EACH_RANGE(pool, number, entry)
		rk_range_free(pool, rk_range_of(pool, entry));
	for (int block = 1; block < BLOCKS && pool->blocks[block] != NULL; block++)
		rk_unmap(pool->blocks[block], sizeof(struct rk_range_entry) * FIRST_BLOCK << block);
}

bool rk_item_find(const struct rk_percpu *pool, const void *item, struct place *place)
{
	place->range_number = 0;
	FOR_EACH_RANGE(pool, place->range_number, entry) {
		const char *slot0 = __atomic_load_n(&entry->slot0, __ATOMIC_ACQUIRE);
		size_t offset = (size_t)((uintptr_t)item - (uintptr_t)slot0);

		if (offset >= RK_STRIDE)
			continue;
		place->range = rk_range_of(pool, entry);
		if (offset >= place->range->bytes) /* another pool's slice, or a range after this slice */
			continue;
		place->entry = entry;
		place->number = offset / pool->spacing;
		return offset % pool->spacing == 0 && place->number < place->range->items;
	}
	return false;
}
