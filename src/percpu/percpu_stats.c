/* SPDX-License-Identifier: MIT */
/*
 * percpu_stats.c - reports how many items a pool has, and how much memory (rk_percpu_query()). The items are in ranges. A range
 * has a stride of memory for each index, that is for each CPU and two more (percpu_range.h). The kernel's page map,
 * /proc/thread-self/pagemap, shows how much of the memory is committed.
 */
#define _GNU_SOURCE
#include "percpu.h"

#include <fcntl.h>
#include "os/answer.h"
#include "os/kernel.h"

/*
 * Bits in an entry of the page map. PRESENT_OR_SWAPPED says that the page is in memory or swapped out, and OF_FILE that it
 * belongs to a file.
 */
#define PRESENT_OR_SWAPPED ((uint64_t)3 << 62)
#define OF_FILE ((uint64_t)1 << 61)

/*
 * Returns how many bytes of the memory [from, from + size) are committed. Returns RK_STATS_UNKNOWN if the page map can't be
 * read.
 */
static size_t committed(long map, const void *from, size_t size)
{
	size_t page = rk_page_size(), pages = 0;
	uint64_t entries[32] = {0};

	for (size_t done = 0; done < size / page;) {
		size_t left = size / page - done, count = left < 32 ? left : 32;
		long r = rk_kernel_read_at(map, entries, count * sizeof(entries[0]),
					   (long)(((uintptr_t)from / page + done) * sizeof(entries[0])));

		if (r != (long)(count * sizeof(entries[0])))
			return RK_STATS_UNKNOWN;
		for (size_t i = 0; i < count; i++)
			pages += (entries[i] & PRESENT_OR_SWAPPED) != 0 && !(entries[i] & OF_FILE);
		done += count;
	}
	return pages * page;
}

static size_t items_in(struct range *range)
{
	size_t items = 0;

	for (size_t word = 0; word < rk_words_per_set(range->items); word++)
		items += (size_t)__builtin_popcountl(__atomic_load_n(rk_word_of_set(rk_set_used(range), word), __ATOMIC_RELAXED));
	return items;
}

/* Adds to the report the memory of one index of a range: its stride, and the memory to which slots of large items point. */
static void add_index(const struct rk_percpu *pool, struct range *range, int index, long map,
		      struct rk_percpu_report *stats)
{
	size_t more = map < 0 ? RK_STATS_UNKNOWN : committed(map, rk_percpu_slot(range->slot0, index), range->bytes);

	stats->reserved += range->bytes;
	for (size_t number = 0; pool->is_large && number < range->items; number++) {
		char **slot = rk_percpu_slot(range->slot0 + number * pool->spacing, index);
		size_t large;

		if (!rk_bit(rk_set_used(range), number))
			continue;
		large = map < 0 ? RK_STATS_UNKNOWN : committed(map, *slot, rk_large_spacing(pool));
		stats->reserved += rk_large_spacing(pool);
		more = more == RK_STATS_UNKNOWN || large == RK_STATS_UNKNOWN ? RK_STATS_UNKNOWN : more + large;
	}
	stats->committed = more == RK_STATS_UNKNOWN || stats->committed == RK_STATS_UNKNOWN ? RK_STATS_UNKNOWN :
											       stats->committed + more;
}

int rk_percpu_query(const struct rk_percpu *pool, int index, struct rk_percpu_report *out, size_t size)
{
	struct rk_percpu_report stats = {0};
	unsigned long before[RK_SIGSET_SIZE / sizeof(long)];
	size_t number = 0;
	bool exists = index == RK_INDEX_ALL, blocked;
	long map;

	if (pool == NULL || out == NULL)
		return -EINVAL;
	/* A thread that is cancelled, or whose handler jumps out of this function, would leave the descriptor open. */
	blocked = rk_kernel_block_signals(before) == 0;
	map = RK_SYSCALL(SYS_openat, AT_FDCWD, "/proc/thread-self/pagemap", O_RDONLY | O_CLOEXEC);
	FOR_EACH_RANGE(pool, number, entry) {
		struct range *range = rk_range_of(pool, entry);

		stats.items += items_in(range);
		FOR_EACH_INDEX(range, i) {
			if (index == RK_INDEX_ALL || index == i) {
				add_index(pool, range, i, map, &stats);
				exists = true;
			}
		}
	}
	if (map >= 0)
		(void)RK_SYSCALL(SYS_close, (int)map);
	if (blocked)
		(void)rk_kernel_set_signals(before, NULL);
	if (!exists && number > 0)
		return -EINVAL;
	stats.used = stats.items * pool->item_size;
	stats.aborts = __atomic_load_n(&pool->aborts, __ATOMIC_RELAXED);
	stats.overflows = __atomic_load_n(&pool->overflows, __ATOMIC_RELAXED);
	rk_answer(out, size, &stats, sizeof(stats));
	return 0;
}
