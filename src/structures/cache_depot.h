/* SPDX-License-Identifier: MIT */
/*
 * cache_depot.h - what the CPUs' parts of a cache share: objects in magazines, and the limits that all of them obey.
 *
 * Whoever holds objects, or may come to hold them, has been granted them: rk_depot_grant(). The depot's own are granted as
 * well. Everything here is without locks, for threads, handlers and children alike.
 *
 * So the limit is exact at each moment, and no put looks at it. An array begins with no room and grows by a batch when it
 * is full; only a reclaim gives back. Inside a bracket of vfork puts look at the limit, and take from it when the bracket has
 * ended: until then the limit may be exceeded by what others took meanwhile.
 */
#ifndef RK_SRC_CACHE_DEPOT_H
#define RK_SRC_CACHE_DEPOT_H

#include <rseqkit/cache.h>
#include <rseqkit/remote.h>
#include <stdbool.h>

/* What is done inside a bracket of vfork, by one thread at a time: see cache_hand.c. */
struct depot_hand {
	struct rk_claim claim;
	uint64_t intent; /* what a change is to make of a word, or DONE, or 0 */
	uint32_t step;
	uint32_t magazine;       /* in hand, by number; 0: none */
	uint32_t base;           /* objects in it that the counts below know of */
	int64_t owed, owed_next; /* objects that these don't know of, in magazines that were given back */
};

struct depot {
	uint64_t full;  /* stack of magazines with objects: see cache_stack.h */
	uint64_t empty; /* those without */
	uint64_t fresh; /* magazines that were never used begin here */
	struct depot_hand hand;
	uint32_t magazines;
	size_t mapped; /* bytes */
	char *memory;
	int64_t left;    /* of the limit */
	int64_t objects; /* in magazines */
	uint64_t limit, weight;
	struct rk_cache_budget *budget;
};

/* For `limit` objects. Returns 0 or -ENOMEM. */
int rk_depot_create(struct depot *depot, uint64_t limit, struct rk_cache_budget *budget, uint64_t weight);

/* Gives back its memory, and to the budget all that was granted. */
void rk_depot_destroy(struct depot *depot);

/* Takes room for up to `wanted` objects of the limits. Returns for how many. */
uint64_t rk_depot_grant(struct depot *depot, uint64_t wanted);
void rk_depot_return(struct depot *depot, uint64_t granted);

/* Both move up to RK_CACHE_BATCH_MAX objects, granted ones, and return how many: 0 when it is empty, or full. */
size_t rk_depot_take(struct depot *depot, void **objects, size_t count);
size_t rk_depot_put(struct depot *depot, void *const *objects, size_t count);

/*
 * Inside a bracket of vfork the two above do this. A child may be killed at each instruction: objects are the caller's, or
 * the depot's. What is granted goes with them: rk_depot_grant() says for how many there is room then, and takes none.
 */
size_t rk_hand_take(struct depot *depot, void **objects, size_t count);
size_t rk_hand_put(struct depot *depot, void *const *objects, size_t count);
uint64_t rk_hand_room(const struct depot *depot, uint64_t wanted);

/* How many objects it has, those in hand as well. */
int64_t rk_depot_objects(const struct depot *depot);

/* Is there anything in hand, or begun? */
static inline bool rk_hand_is_used(const struct depot *depot)
{
	return __atomic_load_n(&depot->hand.magazine, __ATOMIC_RELAXED) != 0 ||
	       __atomic_load_n(&depot->hand.owed, __ATOMIC_RELAXED) != 0 ||
	       __atomic_load_n(&depot->hand.step, __ATOMIC_RELAXED) != 0;
}

/* Outside of one: gives back what is in hand since. True if anything was. */
bool rk_hand_settle(struct depot *depot);

#endif /* RK_SRC_CACHE_DEPOT_H */
