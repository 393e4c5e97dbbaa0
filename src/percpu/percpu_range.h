/* SPDX-License-Identifier: MIT */
/* percpu_range.h - pools and their ranges of address space; the picture is in rseqkit/percpu.h. */
#ifndef RK_SRC_PERCPU_RANGE_H
#define RK_SRC_PERCPU_RANGE_H

#include <rseqkit/percpu.h>
#include <stdbool.h>

#define SHARED_INDEXES 2 /* overflow and reserve, below CPU 0 */
#define BITS (8 * sizeof(unsigned long))

/* Begins the one mapping of a range; behind it are its sets, and the strides. Published complete. */
struct range {
	char *slot0;        /* of index 0 */
	size_t mapped;      /* bytes of the mapping */
	int highest;        /* index that has memory; behind it no address is valid up to the highest there can be */
	int templates;      /* mappings that show the initial contents; 0 where items get them when they are handed out */
	size_t first;       /* the word of `taken` to look at first */
	unsigned long sets[]; /* taken, used, written: see percpu.c */
};

/* Of a table: a range that is there, and how many of its items aren't taken, at least. */
struct rk_range_entry {
	char *slot0;
	size_t vacant;
};

#define FIRST_BLOCK 256 /* entries: a page of them */
#define BLOCKS 24

struct rk_percpu {
	size_t item_size; /* as asked for */
	size_t slot_size; /* what the slot holds */
	size_t bank_offset; /* of a closable item's slot: its first bank, and from there to the second */
	size_t bank_size;
	size_t guard_size; /* behind the slot, in debug mode */
	size_t spacing;   /* rounded up to the alignment */
	size_t per_range;
	size_t head;      /* bytes of a range before its strides */
	unsigned flags;
	bool has_initial;
	bool is_large;    /* slots hold pointers */
	long made_by;     /* the process */
	size_t vacant;                         /* in all ranges, at least */
	size_t hint;                           /* the range to look at first */
	uint64_t aborts, overflows;            /* of the structures in it */
	struct rk_range_entry *blocks[BLOCKS]; /* block k has FIRST_BLOCK << k entries */
	char initial[];                        /* item_size bytes, or none for zeros */
};

/*
 * Zeros that are committed as they are written to, a page at a time, whatever mlockall() has asked for. NULL if there is no
 * memory. To be given back by rk_unmap(), which gives back the memory also where it can't the addresses. errno stays.
 */
void *rk_map_lazily(size_t size);
void rk_unmap(void *mapping, size_t size);

/* Every index of a range that has memory. */
#define FOR_EACH_INDEX(range, i) for (int i = -SHARED_INDEXES; i <= (range)->highest; i++)

/* Words of each of a range's sets. */
static inline size_t rk_words_per_set(const struct rk_percpu *pool)
{
	return (pool->per_range + BITS - 1) / BITS;
}

static inline unsigned long *rk_set_taken(struct range *range)
{
	return range->sets;
}

static inline unsigned long *rk_set_used(const struct rk_percpu *pool, struct range *range)
{
	return range->sets + rk_words_per_set(pool);
}

static inline unsigned long *rk_set_written(const struct rk_percpu *pool, struct range *range)
{
	return range->sets + 2 * rk_words_per_set(pool);
}

/*
 * Zeroed memory for a description, or NULL. From the kernel: whoever implements malloc can use per-CPU memory inside
 * it. Freed by munmap.
 */
void *rk_description_new(size_t size);

/* Bytes of a range before its strides, for a pool whose other sizes are known. */
size_t rk_range_head(const struct rk_percpu *pool);

/* A range for the pool's items, or NULL. */
struct range *rk_range_new(const struct rk_percpu *pool);
void rk_range_free(struct range *range);

/* The first item's worth of a slot is as in a fresh item? And makes it so. */
bool rk_slot_is_fresh(const struct rk_percpu *pool, const char *slot);
void rk_slot_reset(const struct rk_percpu *pool, char *slot);

/* Bytes of a large item's memory, for one index. */
size_t rk_large_spacing(const struct rk_percpu *pool);

/* Of a large item (percpu.h): its memory, with the slots that point to it; false without memory. */
bool rk_large_new(const struct rk_percpu *pool, const struct range *range, void *item);
void rk_large_free(const struct rk_percpu *pool, const struct range *range, void *item);

/* The table of a pool's ranges: they have numbers from 0 on, and none leaves before the pool does. */

/* The entry, or NULL if there is no range of that number. */
struct rk_range_entry *rk_range_entry(const struct rk_percpu *pool, size_t number);

void rk_ranges_free(struct rk_percpu *pool);

/* Makes it the pool's range of that number: 0, or -EEXIST where another is, or -ENOMEM. */
int rk_range_publish(struct rk_percpu *pool, size_t number, struct range *range);

static inline struct range *rk_range_of(const struct rk_percpu *pool, const struct rk_range_entry *entry)
{
	char *slot0 = __atomic_load_n(&entry->slot0, __ATOMIC_ACQUIRE);

	return (struct range *)(void *)(slot0 - (SHARED_INDEXES << RK_STRIDE_SHIFT) - pool->head);
}

/* The next one, of `number`. */
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
