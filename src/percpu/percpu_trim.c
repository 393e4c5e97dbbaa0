/* SPDX-License-Identifier: MIT */
/*
 * percpu_trim.c - returns pages of a pool's free per-CPU items to the kernel (rk_percpu_trim()). An item has a slot for each CPU.
 * The slots of all items for one CPU are in a row, the stride (percpu_range.h).
 *
 * The invariant: a page is returned only while this thread has taken all items that reach into the page, by their bits in
 * `taken`. No other thread therefore gets one of these items meanwhile. In a child that is forked meanwhile, these free items
 * stay taken.
 */
#define _GNU_SOURCE
#include "percpu.h"

#include <errno.h>
#include <sys/mman.h>
#include "os/kernel.h"

/* The numbers of the first and the last item of a range that have bytes in the pages to be returned. */
struct run {
	size_t first, last;
};

/* Takes all items of a run. If one of them is taken already, takes none and returns false. */
static bool take_all(struct range *range, struct run run)
{
	for (size_t number = run.first; number <= run.last; number++) {
		if (!rk_set_bit(rk_set_taken(range), number))
			continue;
		while (number-- > run.first)
			(void)rk_clear_bit(rk_set_taken(range), number);
		return false;
	}
	return true;
}

/*
 * Gives the pages [from, from + size) of the stride of every CPU, and of the two other indexes, back to the kernel. Returns false
 * if the kernel keeps some of them, for example locked pages.
 */
static bool drop_pages(const struct range *range, size_t from, size_t size)
{
	bool dropped = true;

	FOR_EACH_INDEX(range, i)
		if (madvise((char *)rk_percpu_slot(range->slot0, i) + from, size, MADV_DONTNEED) != 0)
			dropped = false;
	return dropped;
}

/*
 * Releases the items of a run. If the pages were returned, items that lie wholly in these pages have their initial contents
 * again.
 */
static void release_items(const struct rk_percpu *pool, struct range *range, struct run run, size_t from, size_t to, bool dropped)
{
	for (size_t number = run.first; number <= run.last; number++) {
		if (dropped && number * pool->spacing >= from && number * pool->spacing + pool->slot_size <= to)
			(void)rk_clear_bit(rk_set_written(range), number);
		(void)rk_clear_bit(rk_set_taken(range), number);
	}
}

static void trim(const struct rk_percpu *pool, struct range *range)
{
	size_t page = rk_page_size(), end = range->items * pool->spacing, to;

	for (size_t from = 0; from < end; from = to) {
		struct run run = {from / pool->spacing, 0};

		/* If items are larger than a page, all pages of an item are returned together. */
		to = from + page;
		if (pool->spacing > page)
			to = (run.first + 1) * pool->spacing / page * page;
		if (to <= from)
			to = from + page;
		run.last = (to - 1) / pool->spacing;
		if (run.last >= range->items)
			run.last = range->items - 1;
		if (!take_all(range, run))
			continue;
		release_items(pool, range, run, from, to, drop_pages(range, from, to - from));
	}
}

int rk_percpu_trim(struct rk_percpu *pool)
{
	size_t number = 0;
	int saved = errno;

	if (pool == NULL)
		return -EINVAL;
	if (pool->flags & RK_PERCPU_DEBUG)
		return 0;
	FOR_EACH_RANGE(pool, number, entry)
		trim(pool, rk_range_of(pool, entry));
	errno = saved;
	return 0;
}
