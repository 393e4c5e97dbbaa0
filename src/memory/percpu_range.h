/* SPDX-License-Identifier: MIT */
/* percpu_range.h - pools and their ranges of address space; the picture is in rseqkit/percpu.h. */
#ifndef RK_SRC_PERCPU_RANGE_H
#define RK_SRC_PERCPU_RANGE_H

#include <rseqkit/percpu.h>
#include <stdbool.h>

#define SHARED_INDEXES 2 /* overflow and reserve, below CPU 0 */
#define BITS (8 * sizeof(unsigned long))

/* One mapping: a stride per index, items at equal offsets in each. Published complete; sets as percpu.c says. */
struct range {
	struct range *next;
	char *mapping;          /* of index -2 */
	char *slot0;            /* of index 0 */
	bool from_template;     /* items that were never handed out have the initial contents */
	size_t vacant;          /* at least as many items as aren't taken; above that by those that were on their way */
	size_t first;           /* the word of `taken` to look at first */
	unsigned long *taken;   /* not to be handed out now; what is behind the last item is taken for ever */
	unsigned long *used;    /* handed out, and not given back */
	unsigned long *written; /* handed out at some time: may hold anything */
};

struct rk_percpu {
	size_t item_size; /* as asked for */
	size_t spacing;   /* rounded up to the alignment */
	size_t per_range;
	unsigned flags;
	bool has_initial;
	struct range *ranges; /* the newest one; none leaves before the pool does */
	char initial[];       /* item_size bytes, or none for zeros */
};

/* Every index that has memory: -2, -1, then the possible CPUs; ends with RK_CPUS_MAX. */
int rk_next_index(int index);

#define FOR_EACH_INDEX(i) for (int i = -SHARED_INDEXES; i < RK_CPUS_MAX; i = rk_next_index(i))

/* Words of each of a range's sets. */
static inline size_t rk_words_per_set(const struct rk_percpu *pool)
{
	return (pool->per_range + BITS - 1) / BITS;
}

/*
 * Zeroed memory for a description, or NULL. From the kernel: whoever implements malloc can use per-CPU memory inside
 * it. Freed by munmap.
 */
void *rk_description_new(size_t size);

/* A range for the pool's items, or NULL. */
struct range *rk_range_new(const struct rk_percpu *pool);
void rk_range_free(const struct rk_percpu *pool, struct range *range);

#endif /* RK_SRC_PERCPU_RANGE_H */
