/* SPDX-License-Identifier: MIT */
/*
 * percpu_debug.c - the debug mode of a pool of per-CPU memory (RK_PERCPU_DEBUG). A pool hands out items, which have a slot for
 * each CPU (rseqkit/percpu.h). The debug mode fills freed items with a known byte (poison), puts known bytes after items in use
 * (a guard), and records the callers that allocated and freed items.
 */
#define _GNU_SOURCE
#include "percpu.h"
#include "percpu_tell.h"

#include <errno.h>
#include <string.h>
#include "os/answer.h"
#include "os/kernel.h"

/*
 * This file checks memory that the program must not use, and that another thread can get during the check. AddressSanitizer and
 * valgrind must therefore not be told that the memory may be used. Instead, this file accesses such memory byte by byte, in
 * functions that these tools don't check (RK_UNWATCHED). It doesn't call memcpy() or similar functions, because the tools check
 * these wherever they are called.
 */

/* Returns the offset of the first byte that isn't `with`, or `size` if there is no such byte. */
RK_UNWATCHED static size_t first_other(const volatile unsigned char *bytes, size_t size, unsigned char with)
{
	size_t at = 0;

	while (at < size && __atomic_load_n(&bytes[at], __ATOMIC_RELAXED) == with)
		at++;
	return at;
}

RK_UNWATCHED static void fill_bytes(volatile unsigned char *bytes, size_t size, unsigned char with)
{
	for (size_t at = 0; at < size; at++)
		__atomic_store_n(&bytes[at], with, __ATOMIC_RELAXED);
}

/* Fills the bytes [from, from + size) of each of the item's slots with the byte `with`. */
static void fill(const struct rk_percpu *pool, const struct place *place, size_t from, size_t size, unsigned char with)
{
	rk_quietly(true);
	FOR_EACH_INDEX(place->range, i)
		fill_bytes((unsigned char *)rk_percpu_slot(rk_item_at(pool, place), i) + from, size, with);
	rk_quietly(false);
}

/*
 * Searches the bytes [from, from + size) of each of the item's slots for a byte that isn't `with`. Returns false if there is
 * no such byte. If the kernel has wiped these bytes of a slot in a child, they don't count as damaged.
 */
static bool find_other(const struct rk_percpu *pool, const struct place *place, size_t from, size_t size,
		       unsigned char with, struct rk_percpu_fault *fault)
{
	bool may_be_wiped = (pool->flags & RK_PERCPU_EMPTY_IN_CHILDREN) && RK_SYSCALL(SYS_getpid) != pool->made_by;

	FOR_EACH_INDEX(place->range, i) {
		const unsigned char *bytes = (const unsigned char *)rk_percpu_slot(rk_item_at(pool, place), i) + from;
		bool other;
		size_t at;

		rk_quietly(true);
		at = first_other(bytes, size, with);
		other = at < size && !(may_be_wiped && first_other(bytes, size, 0) == size);
		rk_quietly(false);
		if (other) {
			fault->index = i;
			fault->offset = (ptrdiff_t)(from + at);
			return true;
		}
	}
	return false;
}

void rk_item_poison(const struct rk_percpu *pool, const struct place *place)
{
	fill(pool, place, 0, pool->slot_size, POISON);
}

bool rk_item_is_poisoned(const struct rk_percpu *pool, const struct place *place)
{
	struct rk_percpu_fault ignored;

	return !find_other(pool, place, 0, pool->slot_size, POISON, &ignored);
}

void rk_item_guard(const struct rk_percpu *pool, const struct place *place)
{
	fill(pool, place, pool->slot_size, pool->guard_size, GUARD);
}

bool rk_item_is_guarded(const struct rk_percpu *pool, const struct place *place)
{
	struct rk_percpu_fault ignored;

	return !find_other(pool, place, pool->slot_size, pool->guard_size, GUARD, &ignored);
}

/*
 * The pools in debug mode. If the program passes an item with a wrong pool, check_one() searches these pools for the one that
 * has the item.
 */
#define POOLS_MAX 128
static struct rk_percpu *known_pools[POOLS_MAX];

static bool exchange_pool(int at, const struct rk_percpu *from, struct rk_percpu *to)
{
	struct rk_percpu *expected = (struct rk_percpu *)from;

	return __atomic_compare_exchange_n(&known_pools[at], &expected, to, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

void rk_debug_pool_enter(struct rk_percpu *pool)
{
	for (int i = 0; i < POOLS_MAX && !exchange_pool(i, NULL, pool); i++)
		;
}

void rk_debug_pool_leave(const struct rk_percpu *pool)
{
	for (int i = 0; i < POOLS_MAX && !exchange_pool(i, pool, NULL); i++)
		;
}

/* Returns the pool that the item belongs to, or NULL if no pool in debug mode has it. */
static const struct rk_percpu *owner_of(const void *item, struct place *place)
{
	for (int i = 0; i < POOLS_MAX; i++) {
		const struct rk_percpu *pool = __atomic_load_n(&known_pools[i], __ATOMIC_ACQUIRE);

		if (pool != NULL && rk_item_find(pool, item, place))
			return pool;
	}
	return NULL;
}

static void tell_callers(const struct place *place, struct rk_percpu_fault *fault)
{
	fault->allocated_by = __atomic_load_n(&rk_item_callers(place)[0], __ATOMIC_RELAXED);
	fault->freed_by = __atomic_load_n(&rk_item_callers(place)[1], __ATOMIC_RELAXED);
}

/*
 * Returns whether the poison of a freed item is damaged. This function sets the item's bit in `taken` while it checks the
 * poison, so no other thread gets the item meanwhile. If the bit is set already, a thread is allocating or freeing the item,
 * or was doing so at a fork and is missing in this process. Then the function returns false. An exception is an item that
 * stays taken because an allocation has found its poison damaged: the function checks this poison again.
 */
static bool is_spoiled(const struct rk_percpu *pool, const struct place *place, struct rk_percpu_fault *fault)
{
	bool spoiled;

	if (__atomic_load_n(&rk_item_callers(place)[2], __ATOMIC_ACQUIRE) != NULL)
		return find_other(pool, place, 0, pool->slot_size, POISON, fault);
	if (rk_set_bit(rk_set_taken(place->range), place->number))
		return false;
	spoiled = rk_bit(rk_set_written(place->range), place->number) &&
		  find_other(pool, place, 0, pool->slot_size, POISON, fault);
	(void)rk_clear_bit(rk_set_taken(place->range), place->number);
	return spoiled;
}

static int check_item(const struct rk_percpu *pool, const struct place *place, struct rk_percpu_fault *fault)
{
	bool debug = pool->flags & RK_PERCPU_DEBUG, used = rk_bit(rk_set_used(place->range), place->number);
	bool written = rk_bit(rk_set_written(place->range), place->number);

	fault->item = rk_item_at(pool, place);
	if (debug)
		tell_callers(place, fault);
	if (debug && used && find_other(pool, place, pool->slot_size, pool->guard_size, GUARD, fault))
		fault->misuse = RK_MISUSE_WRITTEN_PAST_END;
	if (debug && !used && written && is_spoiled(pool, place, fault))
		fault->misuse = RK_MISUSE_WRITTEN_AFTER_FREE;
	return fault->misuse != RK_MISUSE_NONE;
}

static int check_one(const struct rk_percpu *pool, void *item, struct rk_percpu_fault *fault)
{
	struct place place;

	if (!rk_item_find(pool, item, &place)) {
		const struct rk_percpu *owner = owner_of(item, &place);

		fault->misuse = owner == NULL ? RK_MISUSE_NOT_AN_ITEM : RK_MISUSE_OTHER_POOL;
		fault->item = item;
		if (owner != NULL)
			tell_callers(&place, fault);
		return 1;
	}
	if (check_item(pool, &place, fault) == 0 && !rk_bit(rk_set_used(place.range), place.number))
		fault->misuse = RK_MISUSE_NOT_ALLOCATED;
	return fault->misuse != RK_MISUSE_NONE;
}

int rk_percpu_check(const struct rk_percpu *pool, void *item, struct rk_percpu_fault *out, size_t size)
{
	struct rk_percpu_fault none = {0}, fault = none;
	struct place place = {0};
	int found = 0;

	if (pool == NULL || (out != NULL && size == 0))
		return -EINVAL;
	if (item != NULL) {
		found = check_one(pool, item, &fault);
	} else {
		FOR_EACH_RANGE(pool, place.range_number, entry) {
			place.range = rk_range_of(pool, entry);
			for (place.number = 0; found == 0 && place.number < place.range->items; place.number++) {
				fault = none;
				found = check_item(pool, &place, &fault);
			}
			if (found != 0)
				break;
		}
	}
	if (out != NULL)
		rk_answer(out, size, found == 0 ? &none : &fault, sizeof(fault));
	return found;
}
