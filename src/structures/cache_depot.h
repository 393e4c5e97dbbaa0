/* SPDX-License-Identifier: MIT */
/*
 * cache_depot.h - the depot of a cache. It has the objects that aren't in a CPU's array, in batches that are called
 * magazines. It also keeps the limits for the whole cache.
 *
 * A grant is the permission to keep one object in the cache; rk_depot_grant() subtracts it from the limit. An array has a
 * grant for each object of its capacity, and the depot has one for each of its objects. Outside of brackets
 * (rk_vfork_begin()) no function of the depot waits, so threads, signal handlers and children are allowed to call all
 * functions of the depot. Inside a bracket, these functions wait at most 10 ms for a claim (cache_hand.c).
 *
 * Because of the grants, the limit is exact at each moment, and a put into an array that has room doesn't check the limit. An
 * array begins with capacity 0 and grows by a batch when it is full. Only a reclaim returns an array's capacity to the limit.
 *
 * Inside a bracket, rk_depot_put() checks the limit, but its objects are subtracted from the limit only after the bracket has
 * ended. Until then other threads can use the same room, so the cache can exceed its limit by the number of these objects.
 */
#ifndef RK_SRC_CACHE_DEPOT_H
#define RK_SRC_CACHE_DEPOT_H

#include <rseqkit/cache.h>
#include <rseqkit/remote.h>
#include <rseqkit/thread.h>
#include <stdbool.h>
#include "os/thread_pointer.h"

/*
 * The state of the operations inside brackets. One thread at a time does such an operation, on one magazine, which is called
 * the magazine in hand (cache_hand.c).
 */
struct depot_hand {
	struct rk_claim claim;
	/*
	 * The value that the claim's holder is about to store in a stack's word, or in `fresh` of struct depot. It is DONE
	 * (cache_stack.h) after the value was stored, and 0 if there is no such value yet.
	 */
	_Alignas(8) uint64_t intent; /* 32-bit x86 would align it to 4 bytes, and an atomic operation can then touch two lines */
	uint32_t step;
	uint32_t magazine; /* number of the magazine in hand; 0: none */
	uint32_t base;     /* how many objects of the magazine in hand are included in struct depot's counts */
	/*
	 * `owed`: how many objects of magazines that went back to a stack are still missing in struct depot's counts.
	 * `owed_next`: the value that `owed` gets when the magazine in hand goes back.
	 */
	_Alignas(8) int64_t owed;
	int64_t owed_next;
};

/*
 * A depot has parts, each in a line of the processor's cache. A thread uses the part of its CPU, and other parts only if that
 * part has nothing. Objects therefore return to the CPU that used them, and two CPUs rarely change the same line.
 */
#define DEPOT_PARTS 8
enum depot_stack { DEPOT_FULL, DEPOT_BEGUN, DEPOT_EMPTY, DEPOT_STACKS };
struct depot_part {
	_Alignas(64) uint64_t stacks[DEPOT_STACKS]; /* of full, begun and empty magazines: see cache_stack.h */
	int32_t left;              /* number of grants that the limit still allows in this part */
	uint32_t objects;          /* added to magazines less those taken. Only the sum over all parts means something */
	uint64_t gets, puts;       /* objects that callers got from the depot without a refill, and put there */
	uint64_t refills, flushes; /* batches that went from the depot to an array and a caller, and back */
};

struct depot {
	struct depot_part parts[DEPOT_PARTS];
	uint64_t fresh; /* how many magazines were ever used */
	int32_t debt;   /* how many of the next returned grants are withheld, because objects inside brackets exceeded the limit */
	struct depot_hand hand;
	uint32_t last_part; /* number of the last part that is used: 0, 1, 3 or 7. A CPU's part is its number modulo (last_part + 1) */
	uint32_t magazines;
	size_t mapped; /* size of `memory` in bytes */
	char *memory;
	uint64_t limit, weight;
	struct rk_cache_budget *budget;
};

/* Creates a depot for `limit` objects. Returns 0 or -ENOMEM. */
int rk_depot_create(struct depot *depot, uint64_t limit, struct rk_cache_budget *budget, uint64_t weight);

/*
 * rk_depot_bytes() returns how many bytes a depot needs. rk_depot_create_at() creates a depot in memory of this size, whose bytes
 * must be zero.
 */
size_t rk_depot_bytes(uint64_t limit);
void rk_depot_create_at(struct depot *depot, void *memory, uint64_t limit, struct rk_cache_budget *budget, uint64_t weight);

/* Frees the depot's memory, and returns all grants to the budget. */
void rk_depot_destroy(struct depot *depot);

/* Takes up to `wanted` grants from the limit and from the budget. Returns how many it took. */
uint64_t rk_depot_grant(struct depot *depot, uint64_t wanted);
/* Gives grants back to the limit and the budget. */
void rk_depot_return(struct depot *depot, uint64_t granted);
/* These functions take and give back grants of the limit alone, without the budget. */
uint64_t rk_depot_take_left(struct depot *depot, uint64_t wanted);
void rk_depot_give_left(struct depot *depot, uint64_t count);

/*
 * rk_depot_take() and rk_depot_put() move up to RK_CACHE_BATCH_MAX granted objects, and return how many they moved.
 * rk_depot_take() returns 0 if the depot is empty. rk_depot_put() returns 0 if the depot is full.
 */
size_t rk_depot_take(struct depot *depot, void **objects, size_t count);
size_t rk_depot_put(struct depot *depot, void *const *objects, size_t count);

/*
 * Inside a bracket, rk_depot_take(), rk_depot_put() and rk_depot_grant() call the following functions. The vfork child can be
 * killed at any instruction. Even then, each object belongs to the caller or to the depot. Grants move with their objects:
 * inside a bracket rk_depot_grant() only returns for how many objects there is room (rk_hand_room()), and takes nothing from
 * the limit.
 */
size_t rk_hand_take(struct depot *depot, void **objects, size_t count);
size_t rk_hand_put(struct depot *depot, void *const *objects, size_t count);
uint64_t rk_hand_room(const struct depot *depot, uint64_t wanted);

/* Returns the part that threads of this CPU use. If the thread has no rseq, its address in memory determines the part. */
static inline struct depot_part *rk_depot_near(struct depot *depot)
{
	uint32_t part = UINT32_MAX;

	if (!RKI_NO_AREA)
		RKI_AREA_READ(part, 4); /* the CPU's number; rk_cpu() would take 6 ns in a thread without rseq */
	if (RKI_UNLIKELY((int32_t)part < 0))
		part = (uint32_t)((uintptr_t)rk_thread_pointer() >> 12);
	return &depot->parts[part & depot->last_part];
}

/* Returns how many objects the depot has, including those of the magazine in hand. */
int64_t rk_depot_objects(const struct depot *depot);
/* Returns how many grants the limit still allows, without the objects of the magazine in hand. Can be negative. */
int64_t rk_depot_left(const struct depot *depot);

/* Returns whether a magazine is in hand, or a count of the depot is out of date, or a step is unfinished. */
static inline bool rk_hand_is_used(const struct depot *depot)
{
	return __atomic_load_n(&depot->hand.magazine, __ATOMIC_RELAXED) != 0 ||
	       __atomic_load_n(&depot->hand.owed, __ATOMIC_RELAXED) != 0 ||
	       __atomic_load_n(&depot->hand.step, __ATOMIC_RELAXED) != 0;
}

/*
 * Call this only outside of brackets. Pushes the magazine in hand to its stack, and updates the depot's counts. Returns true if
 * it changed anything.
 */
bool rk_hand_settle(struct depot *depot);

#endif /* RK_SRC_CACHE_DEPOT_H */
