/* SPDX-License-Identifier: MIT */
/* percpu_range.h - pools and their ranges of address space; the picture is in rseqkit/percpu.h. */
#ifndef RK_SRC_PERCPU_RANGE_H
#define RK_SRC_PERCPU_RANGE_H

#include <rseqkit/percpu.h>
#include <stdbool.h>

#define SHARED_INDEXES 2 /* overflow and reserve, below CPU 0 */
#define BITS (8 * sizeof(unsigned long))

/* One mapping: a stride per index, items at equal offsets in each. */
struct range {
	struct range *next;
	char *mapping; /* of index -2 */
	char *slot0;   /* of index 0 */
	size_t fresh;  /* items from this number on were never handed out */
	size_t reusable_count;
	bool from_template;      /* fresh items have the initial contents */
	unsigned long *used;     /* items handed out now */
	unsigned long *reusable; /* items given back; one that failed its poison check is in neither set */
};

struct rk_percpu {
	size_t item_size; /* as asked for */
	size_t spacing;   /* rounded up to the alignment */
	size_t per_range;
	unsigned flags;
	bool has_initial;
	struct range *ranges;
	size_t live;
	char initial[]; /* item_size bytes, or none for zeros */
};

/* Every index that has memory: -2, -1, then the possible CPUs; ends with RK_CPUS_MAX. */
int rk_next_index(int index);

#define FOR_EACH_INDEX(i) for (int i = -SHARED_INDEXES; i < RK_CPUS_MAX; i = rk_next_index(i))

/*
 * Zeroed memory for a description, or NULL. From the kernel: whoever implements malloc can use per-CPU memory inside
 * it. Freed by munmap.
 */
void *rk_description_new(size_t size);

/* A range for the pool's items, or NULL. */
struct range *rk_range_new(const struct rk_percpu *pool);
void rk_range_free(const struct rk_percpu *pool, struct range *range);

#endif /* RK_SRC_PERCPU_RANGE_H */
