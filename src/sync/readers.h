/* SPDX-License-Identifier: MIT */
/*
 * readers.h - counts the readers of read-copy-update (rcu.c) and of reader-writer locks (rwlock.c), in an item of per-CPU memory.
 * No thread registers as a reader.
 *
 * An item has a slot for each CPU, and two slots more (rseqkit/percpu.h). A word of the item, the gate, says in which word of
 * a slot readers are counted now. A reader that begins adds 1 to this word in the slot of its CPU. A reader that ends subtracts
 * 1 from the same word, in the slot of the CPU on which it runs by then. The word of one slot alone therefore means nothing.
 * The sum over all slots is the number of readers.
 *
 *   reserve slot (-2)     overflow slot (-1)               slot of each CPU
 *   +-------------+       +-----------------+------+       +-----------------+
 *   | state       |       | counts          | gate |       | counts          |
 *   +-------------+       +-----------------+--|---+       +-----------------+
 *                           set 0   1   2   3  +-----------> in slot 0
 *                         phase 0 1 0 1 0 1 0 1
 *
 * After a fork, all slots in the child are zero, except the state. The gate is therefore 0 (closed), and the child's first user
 * opens it: stores in it which word is to be used. This word is in another set of counts than the parent's, because a reader
 * that began before the fork can still end, in the set where it was counted. The child's generation determines the set. It is
 * the generation of the nearest ancestor with a generation, plus 1. The gate, the counts and the generations are in the item,
 * so all copies of this library in the process use the same set. A thread blocks signals before it opens a gate, so no handler
 * forks meanwhile, and no thread continues the opening in a child.
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
		intptr_t gate;       /* address of the word in slot 0 in which readers are counted; 0 until it is opened */
		intptr_t by_no_gate; /* the same if readers use no sections; in that case `gate` stays 0 */
		uint64_t generation; /* twice this process's generation, plus 1 if the state has it, too; 0 in a new child */
		uint64_t spare[3];   /* for rcu.c or rwlock.c; zero in a child, too */
	} of_overflow __attribute__((__aligned__(RKI_READERS_GATE)));
};

/* The state in the reserve slot begins with this struct. A child inherits the state. */
struct rk_readers {
	uint64_t generation; /* this process's generation; if it has none yet, that of the nearest ancestor with a generation */
	uint8_t by_sections; /* 1 if readers are counted by critical sections, 0 if by atomic instructions */
};

/*
 * rk_readers_create() allocates an item without readers from one of two pools, and creates that pool if there is none. It
 * returns the same as rk_percpu_alloc(). rk_readers_destroy() frees such an item. It returns the same as rk_percpu_free(), or
 * -EINVAL if `item` isn't such an item. rk_readers_has() returns whether `item` is such an item.
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

/* `word` is the address of a word in slot 0. Returns the address of the same word in the slot of `index`. */
static inline intptr_t *rk_readers_word(intptr_t word, int index)
{
	return (intptr_t *)rk_percpu_slot((void *)word, index);
}

/*
 * Returns this process's generation: how often the item's process was forked since the item was created. Forks of processes
 * that didn't use the item aren't counted. If the kernel can wipe memory at a fork (thread/number.h), the number differs from
 * those of all ancestors.
 */
uint64_t rk_readers_generation(void *item);

/* Returns the address of the word of phase 0, in slot 0, of this process's set. The parent process has another set. */
intptr_t rk_readers_set(void *item);

/* Returns the token of a reader that was counted in the overflow slot. The reader passes this token when it ends. */
static inline void *rk_readers_token(const void *item, intptr_t word)
{
	return (void *)(word | (rk_readers_of(item)->by_sections || RKI_ORDERS_BY_ITSELF ? 0 : RKI_READERS_ATOMIC));
}

/* Returns the sum of a word over all slots: how many readers are counted in it. readers.c says when this sum has a meaning. */
intptr_t rk_readers_sum(intptr_t word);

/* Ends the reader whose token is `counted`. `outcome` is the result of the caller's attempt to end the reader by a section. */
void rk_readers_leave(void *item, void *counted, enum rk_result outcome);

/*
 * Fences memory, if readers need a fence. If a thread sees a store that comes after the fence, it also sees all stores that
 * come before the fence. Returns 0 or a negative errno.
 */
int rk_readers_fence(const struct rk_readers *readers);

#endif /* RK_SRC_READERS_H */
