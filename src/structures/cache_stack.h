/* SPDX-License-Identifier: MIT */
/*
 * cache_stack.h - stacks of magazines, in which a cache's depot keeps objects (cache_depot.h). A magazine is a batch of
 * objects.
 *
 * A stack is one word. Its low bits are the number of the top magazine, or 0 if the stack is empty. The bits above count the
 * changes of the word. This count prevents ABA: a pop fails if other threads changed the stack meanwhile, even if the same
 * magazine is on top again. Each part of a depot has three stacks. One more word has the same form: its low bits are the number
 * of magazines that were ever used.
 *
 * The bit BY_HAND says that the word was last changed inside a bracket (rk_vfork_begin()). Before a thread changes a word
 * with this bit, it calls acknowledge(); cache_hand.c says why.
 */
#ifndef RK_SRC_CACHE_STACK_H
#define RK_SRC_CACHE_STACK_H

#include "cache_depot.h"

#define NUMBER_MASK (((uint64_t)1 << 24) - 1)
#define BY_HAND ((uint64_t)1 << 24)
#define CHANGE ((uint64_t)1 << 25)
/*
 * The five highest bits of a word are its kind. Each word of a depot has a kind of its own, so two of these words are never
 * equal. The kind of a stack is DEPOT_STACKS times the number of its part, plus its own number (enum depot_stack).
 */
#define KIND_AT 59
#define KIND_FRESH ((uint64_t)DEPOT_STACKS * DEPOT_PARTS << KIND_AT)
#define KIND ((uint64_t)31 << KIND_AT)

/*
 * A thread inside a bracket stores a word's new value in depot->hand.intent before it changes the word (cache_hand.c). After
 * the change, DONE replaces this value. No word has the value DONE.
 */
#define DONE 1

struct magazine {
	uint32_t next;  /* number of the next magazine of the stack; 0: none */
	uint32_t count; /* number of objects; a thread that doesn't hold the magazine reads it only as a hint */
	void *objects[RK_CACHE_BATCH_MAX];
};

/* Returns the part that is `i` parts after `part`. After the last part comes the first one. */
static inline struct depot_part *part_after(struct depot *depot, const struct depot_part *part, uint32_t i)
{
	return &depot->parts[((uint32_t)(part - depot->parts) + i) & depot->last_part];
}

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

/*
 * Call this before you change a word whose value is `word`. If a thread inside a bracket stored this value, it may have been
 * killed before it stored DONE. In that case this function stores DONE.
 */
static inline void acknowledge(struct depot *depot, uint64_t word)
{
	if (RKI_UNLIKELY((word & BY_HAND) != 0))
		(void)__atomic_compare_exchange_n(&depot->hand.intent, &word, DONE, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/* Returns the stack of a part for magazines with `count` objects. */
static inline uint64_t *stack_for(struct depot_part *part, uint32_t count)
{
	return &part->stacks[count == 0 ? DEPOT_EMPTY : count == RK_CACHE_BATCH_MAX ? DEPOT_FULL : DEPOT_BEGUN];
}

static inline void set_count(struct magazine *m, uint32_t count)
{
	__atomic_store_n(&m->count, count, __ATOMIC_RELAXED);
}

/*
 * Returns the number of the magazine after `m`, for a thread that is about to pop `m`. Another thread may have popped `m`
 * already.
 */
static inline uint32_t next_of(const struct magazine *m)
{
	return __atomic_load_n(&m->next, __ATOMIC_RELAXED);
}

static inline void set_next(struct magazine *m, uint64_t word)
{
	__atomic_store_n(&m->next, (uint32_t)(word & NUMBER_MASK), __ATOMIC_RELAXED);
}

/* Pushes a magazine, which is in no stack and belongs to the caller, to a stack of the part. */
void rk_depot_push(struct depot *depot, struct depot_part *part, struct magazine *m);

#endif /* RK_SRC_CACHE_STACK_H */
