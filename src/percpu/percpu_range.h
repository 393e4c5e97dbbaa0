/* SPDX-License-Identifier: MIT */
/*
 * percpu_range.h - the structures of a pool of per-CPU items, and of the ranges of address space in which the items are. An item
 * has a slot for each index. An index is a CPU's number, or negative for two slots that belong to no CPU. rseqkit/percpu.h has a
 * picture of items and their slots.
 */
#ifndef RK_SRC_PERCPU_RANGE_H
#define RK_SRC_PERCPU_RANGE_H

#include <rseqkit/percpu.h>
#include <stdbool.h>

#define SHARED_INDEXES 2 /* the overflow slot and the reserve slot, before the slot of CPU 0 */
#define BITS (8 * sizeof(unsigned long))
#define SETS 3

/*
 * A range is one mapping, which begins with this struct. The sets of the range follow, then a stride of RK_STRIDE bytes for
 * each index. A range is put into the pool's table when it is complete. The first range of some pools is a slice: a part of each
 * stride of a mapping that such pools share (percpu_range.c). The head of a slice is a mapping of its own.
 */
struct range {
	char *slot0;        /* slot of index 0 */
	size_t mapped;      /* bytes of the mapping; of a slice, bytes of its head */
	size_t items;       /* number of items in the range */
	size_t bytes;       /* bytes of the range in each stride: RK_STRIDE, or less in a slice */
	int highest;        /* highest index with memory; the reserved addresses after it are inaccessible */
	int templates;      /* number of mappings with initial contents; 0 if items get these contents when they are allocated */
	size_t first;       /* a hint: the word of the set `taken` in which a search for a free item begins */
	unsigned long sets[]; /* three sets of items (percpu.c), whose words alternate: taken, used, written, taken, ... */
};

/* An entry of a pool's table of ranges. `vacant` is at least the number of the range's items that aren't in the set `taken`. */
struct rk_range_entry {
	char *slot0;
	size_t vacant;
};

#define FIRST_BLOCK 256 /* entries of the first block of the table */
#define BLOCKS 24

struct rk_percpu {
	size_t item_size; /* size of an item's data in one slot, as the program requested it */
	size_t slot_size; /* bytes that the item occupies in a slot */
	size_t bank_offset; /* offset of the first bank in the slot of a closable item (rseqkit/bank.h) */
	size_t bank_size; /* bytes from the first bank to the second bank */
	size_t guard_size; /* in debug mode, bytes of the guard after the slot; else 0 */
	size_t spacing;   /* from item to item: slot_size + guard_size, rounded up to the alignment */
	size_t per_range; /* number of items in a range that isn't a slice */
	size_t head;      /* bytes of a range before its strides */
	unsigned flags;
	bool has_initial; /* items have initial contents other than zeros */
	bool is_large;    /* slots hold pointers to the items' memory */
	bool may_share;   /* the first range can be a slice */
	struct range *slice; /* the range that is a slice, or NULL */
	char *slice_slot0;   /* its slot0, or NULL */
	size_t most;      /* if not 0: a range has at most this many bytes, and addresses only for this kernel's CPU numbers */
	long made_by;     /* the process that created the pool; set in debug mode, if children get empty items */
	size_t vacant;                         /* at least the number of items that aren't taken, in all ranges */
	size_t hint;                           /* number of the range in which a search begins */
	uint64_t aborts, overflows;            /* counts of the structures whose items are in the pool (rk_percpu_report) */
	struct rk_range_entry *blocks[BLOCKS]; /* block k has FIRST_BLOCK << k entries */
	char initial[];                        /* item_size bytes, or none for zeros */
};

/*
 * rk_map_lazily() maps zeroed memory. A page is committed when it is first written to, even after mlockall(). Returns NULL if
 * there is no memory. rk_unmap() frees the memory, even if it can't free the addresses. Both functions leave errno unchanged.
 */
void *rk_map_lazily(size_t size);
void rk_unmap(void *mapping, size_t size);

/* Loops over the indexes of a range that have memory. */
#define FOR_EACH_INDEX(range, i) for (int i = -SHARED_INDEXES; i <= (range)->highest; i++)

/* Returns the number of words in each set of a range with this number of items. */
static inline size_t rk_words_per_set(size_t items)
{
	return (items + BITS - 1) / BITS;
}

static inline unsigned long *rk_set_taken(struct range *range)
{
	return range->sets;
}

static inline unsigned long *rk_set_used(struct range *range)
{
	return range->sets + 1;
}

static inline unsigned long *rk_set_written(struct range *range)
{
	return range->sets + 2;
}

/* Returns a word of a set. The words of the three sets for the same items are in one cache line, or two. */
static inline unsigned long *rk_word_of_set(unsigned long *set, size_t word)
{
	return &set[SETS * word];
}

/*
 * Returns zeroed memory, or NULL. The memory comes directly from the kernel, so that an implementation of malloc can use this
 * library. rk_unmap() frees it. rk_map() leaves errno unchanged.
 */
void *rk_map(size_t size);

/* Returns the number of bytes of a range before its first stride. Set the pool's other sizes before you call this. */
size_t rk_range_head(const struct rk_percpu *pool);

/* Creates a range for the pool's items. Returns NULL if there is no memory. */
struct range *rk_range_new(struct rk_percpu *pool);
void rk_range_free(struct rk_percpu *pool, struct range *range);

/*
 * rk_slot_is_fresh() returns whether a slot has the contents that a newly allocated item has. rk_slot_reset() stores these
 * contents.
 */
bool rk_slot_is_fresh(const struct rk_percpu *pool, const char *slot);
void rk_slot_reset(const struct rk_percpu *pool, char *slot);

/* Returns the size of a large item's memory for one index. An item is large if its slots hold pointers to the memory. */
size_t rk_large_spacing(const struct rk_percpu *pool);

/*
 * Allocates the memory of a large item for all indexes, and stores its addresses in the item's slots. Returns false if there
 * is no memory.
 */
bool rk_large_new(const struct rk_percpu *pool, const struct range *range, void *item);
void rk_large_free(const struct rk_percpu *pool, const struct range *range, void *item);

/*
 * The following functions access the table of a pool's ranges. Ranges have numbers from 0 on, and stay until the pool is
 * destroyed.
 */

/* Returns the entry of the range with this number, or NULL if there is no such range. */
struct rk_range_entry *rk_range_entry(const struct rk_percpu *pool, size_t number);

void rk_ranges_free(struct rk_percpu *pool);

/* Makes `range` the pool's range with this number. Returns 0; -EEXIST if another range has this number; or -ENOMEM. */
int rk_range_publish(struct rk_percpu *pool, size_t number, struct range *range);

static inline struct range *rk_range_of(const struct rk_percpu *pool, const struct rk_range_entry *entry)
{
	char *slot0 = __atomic_load_n(&entry->slot0, __ATOMIC_ACQUIRE);

	if (slot0 == __atomic_load_n(&pool->slice_slot0, __ATOMIC_RELAXED))
		return pool->slice;
	return (struct range *)(void *)(slot0 - (SHARED_INDEXES << RK_STRIDE_SHIFT) - pool->head);
}

/* Returns the entry with this number, which follows `entry`. Returns NULL if there is no such entry. */
static inline struct rk_range_entry *rk_range_next(const struct rk_percpu *pool, struct rk_range_entry *entry,
						   size_t number)
{
	size_t blocks = number / FIRST_BLOCK + 1;

	if (number % FIRST_BLOCK == 0 && (blocks & (blocks - 1)) == 0)
		return rk_range_entry(pool, number); /* a block begins */
	return __atomic_load_n(&entry[1].slot0, __ATOMIC_ACQUIRE) != NULL ? entry + 1 : NULL;
}

#define FOR_EACH_RANGE(pool, number, entry)                                                                            \
	for (struct rk_range_entry *entry = rk_range_entry(pool, number); entry != NULL;                               \
	     entry = rk_range_next(pool, entry, ++(number)))

#endif /* RK_SRC_PERCPU_RANGE_H */
