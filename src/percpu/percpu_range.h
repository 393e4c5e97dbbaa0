/* SPDX-License-Identifier: MIT */
/* percpu_range.h - pools and their ranges of address space; the picture is in rseqkit/percpu.h. */
#ifndef RK_SRC_PERCPU_RANGE_H
#define RK_SRC_PERCPU_RANGE_H

#include <rseqkit/percpu.h>
#include <stdbool.h>

#define SHARED_INDEXES 2 /* overflow and reserve, below CPU 0 */
#define BITS (8 * sizeof(unsigned long))
#define SETS 3

/*
 * A range is one mapping, which begins with this struct. The range's sets and strides follow. A range is published when it is
 * complete.
 */
struct range {
	char *slot0;        /* slot of index 0 */
	size_t mapped;      /* bytes of the mapping */
	int highest;        /* highest index with memory; the reserved addresses after it are inaccessible */
	int templates;      /* mappings with the initial contents; 0 if items get these contents when they are handed out */
	size_t first;       /* the word of `taken` to look at first */
	unsigned long sets[]; /* three sets of items (percpu.c), as words side by side: taken, used, written, taken, ... */
};

/* An entry of a table of ranges. `vacant` is never below the number of the range's items that aren't taken. */
struct rk_range_entry {
	char *slot0;
	size_t vacant;
};

#define FIRST_BLOCK 256 /* entries */
#define BLOCKS 24

struct rk_percpu {
	size_t item_size; /* as requested */
	size_t slot_size; /* bytes of a slot that the item uses */
	size_t bank_offset; /* offset of the first bank in the slot of a closable item */
	size_t bank_size; /* bytes from the first bank to the second bank */
	size_t guard_size; /* in debug mode, bytes of the guard after the slot; else 0 */
	size_t spacing;   /* from item to item: slot_size + guard_size, rounded up to the alignment */
	size_t per_range; /* items of a range */
	size_t head;      /* bytes of a range before its strides */
	unsigned flags;
	bool has_initial; /* items have initial contents other than zeros */
	bool is_large;    /* slots hold pointers */
	size_t most;      /* if not 0: a range has at most so many bytes, and addresses only for this kernel's CPU numbers */
	long made_by;     /* the process that created the pool; set in debug mode, if children get empty items */
	size_t vacant;                         /* never below the number of items, in all ranges, that aren't taken */
	size_t hint;                           /* the range to look at first */
	uint64_t aborts, overflows;            /* counted by the structures that are in the pool */
	struct rk_range_entry *blocks[BLOCKS]; /* block k has FIRST_BLOCK << k entries */
	char initial[];                        /* item_size bytes, or none for zeros */
};

/*
 * Maps zeroed memory. A page is committed when it is first written to, even after mlockall(). Returns NULL if there is no memory.
 * rk_unmap() gives the memory back, even if it can't give back the addresses. Both functions leave errno unchanged.
 */
void *rk_map_lazily(size_t size);
void rk_unmap(void *mapping, size_t size);

/* Goes through those indexes of a range that have memory. */
#define FOR_EACH_INDEX(range, i) for (int i = -SHARED_INDEXES; i <= (range)->highest; i++)

/* Returns the number of words in each of a range's sets. */
static inline size_t rk_words_per_set(const struct rk_percpu *pool)
{
	return (pool->per_range + BITS - 1) / BITS;
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
 * library. rk_unmap() frees it. Both functions leave errno unchanged.
 */
void *rk_map(size_t size);

/* Returns the bytes of a range before its strides. Set the pool's other sizes before you call this. */
size_t rk_range_head(const struct rk_percpu *pool);

/* Creates a range for the pool's items. Returns NULL if there is no memory. */
struct range *rk_range_new(const struct rk_percpu *pool);
void rk_range_free(struct range *range);

/* rk_slot_is_fresh() returns whether a slot has the contents of a fresh item's slot. rk_slot_reset() stores these contents. */
bool rk_slot_is_fresh(const struct rk_percpu *pool, const char *slot);
void rk_slot_reset(const struct rk_percpu *pool, char *slot);

/* Returns the bytes of a large item's memory for one index. */
size_t rk_large_spacing(const struct rk_percpu *pool);

/*
 * Allocates the memory of a large item (percpu.h), and stores its addresses in the item's slots. Returns false if there is no
 * memory.
 */
bool rk_large_new(const struct rk_percpu *pool, const struct range *range, void *item);
void rk_large_free(const struct rk_percpu *pool, const struct range *range, void *item);

/* The table of a pool's ranges. Ranges have numbers from 0 on, and stay until the pool is destroyed. */

/* Returns the entry of the range with this number, or NULL if there is no such range. */
struct rk_range_entry *rk_range_entry(const struct rk_percpu *pool, size_t number);

void rk_ranges_free(struct rk_percpu *pool);

/* Makes `range` the pool's range with this number. Returns 0; -EEXIST if another range has this number; or -ENOMEM. */
int rk_range_publish(struct rk_percpu *pool, size_t number, struct range *range);

static inline struct range *rk_range_of(const struct rk_percpu *pool, const struct rk_range_entry *entry)
{
	char *slot0 = __atomic_load_n(&entry->slot0, __ATOMIC_ACQUIRE);

	return (struct range *)(void *)(slot0 - (SHARED_INDEXES << RK_STRIDE_SHIFT) - pool->head);
}

/* Returns the entry with this number, which comes after `entry`. Returns NULL if there is no such entry. */
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
