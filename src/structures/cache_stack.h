/* SPDX-License-Identifier: MIT */
/*
 * cache_stack.h - stacks of magazines, for the files of a depot.
 *
 * A stack is one word: the number of its first magazine in the low bits, 0 for none, and a count of changes above. A pop that
 * was overtaken by others fails, though the same magazine be on top again, for the count differs. The number of magazines
 * that were ever used is such a word as well.
 *
 * A word tells whether its last change was made inside a bracket of vfork (BY_HAND). Who changes it next says so first: see
 * cache_hand.c.
 */
#ifndef RK_SRC_CACHE_STACK_H
#define RK_SRC_CACHE_STACK_H

#include "cache_depot.h"

#define NUMBER_MASK (((uint64_t)1 << 24) - 1)
#define BY_HAND ((uint64_t)1 << 24)
#define CHANGE ((uint64_t)1 << 25)
/* Which word it is: no two of a depot are ever equal. */
#define KIND_FULL ((uint64_t)0)
#define KIND_EMPTY ((uint64_t)1 << 62)
#define KIND_FRESH ((uint64_t)2 << 62)
#define KIND ((uint64_t)3 << 62)

#define DONE 1 /* of depot->hand.intent, and of no word: the change that was meant was made */

struct magazine {
	uint32_t next;  /* the number of the one below */
	uint32_t count; /* others look at it as well, for a hint */
	void *objects[RK_CACHE_BATCH_MAX];
};

static inline struct magazine *magazine_of(const struct depot *depot, uint64_t number)
{
	return (struct magazine *)(void *)depot->memory + (number - 1);
}

static inline uint64_t number_of(const struct depot *depot, const struct magazine *m)
{
	return (uint64_t)(m - (const struct magazine *)(const void *)depot->memory) + 1;
}

static inline uint64_t changed(uint64_t word, uint64_t number)
{
	return (word & KIND) | ((word + CHANGE) & ~(KIND | BY_HAND | NUMBER_MASK)) | number;
}

/* Before a word that reads so is changed: whoever made it so inside a bracket may have been killed before he knew. */
static inline void acknowledge(struct depot *depot, uint64_t word)
{
	if (RKI_UNLIKELY((word & BY_HAND) != 0))
		(void)__atomic_compare_exchange_n(&depot->hand.intent, &word, DONE, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static inline void set_count(struct magazine *m, uint32_t count)
{
	__atomic_store_n(&m->count, count, __ATOMIC_RELAXED);
}

/* Of a magazine that a stack names, by whoever is about to pop it: it may have been popped before. */
static inline uint32_t next_of(const struct magazine *m)
{
	return __atomic_load_n(&m->next, __ATOMIC_RELAXED);
}

static inline void set_next(struct magazine *m, uint64_t word)
{
	__atomic_store_n(&m->next, (uint32_t)(word & NUMBER_MASK), __ATOMIC_RELAXED);
}

/* Puts a magazine, which is the caller's, on top of a stack. */
void rk_depot_push(struct depot *depot, uint64_t *stack, struct magazine *m);

#endif /* RK_SRC_CACHE_STACK_H */
