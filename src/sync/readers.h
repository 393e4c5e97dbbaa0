/* SPDX-License-Identifier: MIT */
/*
 * readers.h - readers of read-copy-update (rcu.c) and reader-writer locks (rwlock.c), in an item of per-CPU memory. No thread
 * registers as a reader.
 *
 * A reader that begins adds 1 to a word of the CPU it runs on, which a gate names. A reader that ends subtracts 1 from the same
 * word of the CPU it runs on then. So the word of one CPU means nothing. The sum over all CPUs is the number of readers.
 *
 *   reserve slot (-2)     overflow slot (-1)               slot of each CPU
 *   +-------------+       +-----------------+------+       +-----------------+
 *   | state       |       | counts          | gate |       | counts          |
 *   +-------------+       +-----------------+--|---+       +-----------------+
 *                           set 0   1   2   3  +-----------> in slot 0
 *                         phase 0 1 0 1 0 1 0 1
 *
 * fork. All slots but the state are zero in a child, including the gate, so its first user opens it. It names another set of
 * counts then, because a reader that began before the fork may still end in the set that it knows. The set follows from the
 * child's generation. This is one more than the generation of the last of its ancestors that has one. All this is in the item,
 * so copies of this library agree. A thread blocks signals before it opens a gate. So no thread continues that in a child.
 */
#ifndef RK_SRC_READERS_H
#define RK_SRC_READERS_H

#include <rseqkit/detail/readers.h>
#include <rseqkit/percpu.h>
#include <stdbool.h>

#define RK_READERS_SETS 4

struct rk_readers_slot {
	intptr_t counts[RK_READERS_SETS][2];
	struct {
		intptr_t gate;       /* names where readers are counted; 0 until it is opened */
		intptr_t by_no_gate; /* the same for readers without sections; the gate is never opened then */
		uint64_t generation; /* of this process, times 2, plus 1 when the state has it, too; 0 in a child at first */
		uint64_t spare[3];   /* the structure's own; zero in a child, too */
	} of_overflow __attribute__((__aligned__(RKI_READERS_GATE)));
};

/* The state in the reserve slot begins with this. A child has it as its parent left it. */
struct rk_readers {
	uint64_t generation; /* of the last process that has one, among this one and its ancestors */
	uint8_t by_sections; /* are readers counted by sections? */
};

/* Does this machine keep loads in order, and stores, and stores after loads? Other machines need fences of memory. */
#if defined(__x86_64__) || defined(__i386__)
#define RK_ORDERS_BY_ITSELF 1
#else
#define RK_ORDERS_BY_ITSELF 0
#endif

/*
 * rk_readers_create() allocates an item without readers, from one of two pools that are created when they are needed.
 * rk_readers_destroy() frees it. They return as rk_percpu_alloc() and rk_percpu_free(); -EINVAL for what is no such item.
 * rk_readers_has(): is it such an item?
 */
int rk_readers_create(struct rk_percpu *pools[2], void **item, const void *caller);
int rk_readers_destroy(struct rk_percpu *pools[2], void *item, const void *caller);
bool rk_readers_has(struct rk_percpu *pools[2], const void *item);

static inline struct rk_readers *rk_readers_of(const void *item)
{
	return (struct rk_readers *)rk_percpu_slot(item, RK_INDEX_RESERVE);
}

static inline struct rk_readers_slot *rk_readers_slot(const void *item, int index)
{
	return (struct rk_readers_slot *)rk_percpu_slot(item, index);
}

static inline intptr_t *rk_readers_gate(const void *item)
{
	return &rk_readers_slot(item, RK_INDEX_OVERFLOW)->of_overflow.gate;
}

/* Returns the same word in the slot of another index. */
static inline intptr_t *rk_readers_word(intptr_t word, int index)
{
	return (intptr_t *)rk_percpu_slot((void *)word, index);
}

/*
 * Returns how often an item's process was forked since the item was created. Forks count only if the item was used in between.
 * The number differs from those of this process's ancestors, except where the kernel wipes no memory at a fork.
 */
uint64_t rk_readers_generation(void *item);

/* Returns the word of phase 0, in slot 0, of this process's set. Its parent has another set. */
intptr_t rk_readers_set(void *item);

/* Returns the token of a reader that was counted in the overflow word. */
static inline void *rk_readers_token(const void *item, intptr_t word)
{
	return (void *)(word | (rk_readers_of(item)->by_sections || RK_ORDERS_BY_ITSELF ? 0 : RKI_READERS_ATOMIC));
}

/* Returns how many readers are counted in a word. A reader is counted for as long as it is there. */
intptr_t rk_readers_sum(intptr_t word);

/* Ends a reader. `outcome` is that of the first attempt. */
void rk_readers_leave(void *item, void *counted, enum rk_result outcome);

/* A fence of memory where readers need one: no thread sees what is done after it without what is done before it. */
int rk_readers_fence(const struct rk_readers *readers);

#endif /* RK_SRC_READERS_H */
