/* SPDX-License-Identifier: MIT */
/*
 * readers.h - readers that no thread registers for: what read-copy-update (rcu.c) and reader-writer locks (rwlock.c) have
 * in common. An item of per-CPU memory has them.
 *
 * A reader that begins adds 1 to a word of the CPU it runs on, which a gate names; one that ends subtracts 1 from that word
 * of whichever CPU it is on. So the words of a CPU mean nothing, and the sum over all of them is how many readers there are.
 *
 *   reserve slot (-2)     overflow slot (-1)               slot of each CPU
 *   +-------------+       +-----------------+------+       +-----------------+
 *   | state       |       | counts          | gate |       | counts          |
 *   +-------------+       +-----------------+--|---+       +-----------------+
 *                           set 0   1   2   3  +-----------> in slot 0
 *                         phase 0 1 0 1 0 1 0 1
 *
 * fork. All slots but the state are zero in a child, the gate too, so its first user opens it: with another set of counts,
 * since a reader that began before the fork may still end in the set that it knows. Which set that is follows from the
 * child's generation, one more than that of the last of its ancestors to have one. All is in the item, so copies of this
 * library agree. Whoever opens a gate has signals blocked: so no thread goes on with that in a child.
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
		intptr_t gate;       /* names where readers are counted; 0 while nobody has opened it */
		intptr_t by_no_gate; /* the same where no section is used, and the gate is never opened */
		uint64_t generation; /* of this process: twice, and 1 added when the state knows it, too; 0 in a child at first */
		uint64_t spare[3];   /* the structure's own; zero in a child, too */
	} of_overflow __attribute__((__aligned__(RKI_READERS_GATE)));
};

/* What the state in the reserve slot begins with. A child has it as its parent left it. */
struct rk_readers {
	uint64_t generation; /* of the last process that has one, among this one and those it was forked from */
	uint8_t by_sections; /* are readers counted by sections? */
};

/* Does this machine order loads, and stores, and stores behind loads? Others need fences of memory. */
#if defined(__x86_64__) || defined(__i386__)
#define RK_ORDERS_BY_ITSELF 1
#else
#define RK_ORDERS_BY_ITSELF 0
#endif

/*
 * Allocates an item without readers, and frees one, of two pools that are made when they are needed. Return as
 * rk_percpu_alloc() and rk_percpu_free(); -EINVAL for what is no item of theirs. rk_readers_has(): is it one?
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

/* That word in the slot of another index. */
static inline intptr_t *rk_readers_word(intptr_t word, int index)
{
	return (intptr_t *)rk_percpu_slot((void *)word, index);
}

/*
 * How often an item's process was forked since the item was made, as far as somebody used the item in between. Another one
 * than that of the processes that this one was forked from; the same where the kernel wipes no memory at a fork.
 */
uint64_t rk_readers_generation(void *item);

/* The word of phase 0, in slot 0, of this process's set: another one than its parent's. */
intptr_t rk_readers_set(void *item);

/* What a reader has that was counted in the overflow word. */
static inline void *rk_readers_token(const void *item, intptr_t word)
{
	return (void *)(word | (rk_readers_of(item)->by_sections || RK_ORDERS_BY_ITSELF ? 0 : RKI_READERS_ATOMIC));
}

/* How many readers are counted in a word. Each is, for as long as it is there. */
intptr_t rk_readers_sum(intptr_t word);

/* Ends a reader, by `outcome` of the first attempt. */
void rk_readers_leave(void *item, void *counted, enum rk_result outcome);

/* A fence of memory where readers need one: what is done before it and behind it isn't seen the other way round. */
int rk_readers_fence(const struct rk_readers *readers);

#endif /* RK_SRC_READERS_H */
