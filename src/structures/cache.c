/* SPDX-License-Identifier: MIT */
/*
 * cache.c - the slow paths of caches (rseqkit/cache.h): grows arrays, and moves objects between the arrays and the depot.
 *
 * A CPU's slot has two banks, of which its first word names one (rseqkit/bank.h). Each bank is an array of objects. The
 * invariants:
 *   - The number of objects in an array is at most its capacity. Capacities and the objects in the depot count against the
 *     cache's limit: they were granted (cache_depot.h).
 *   - A spare bank, which is neither in use nor being emptied, has no object and capacity 0.
 *   - An array never has the same state (struct rk_array) twice. Each operation advances the count in the state, and so does
 *     each reclaim (cache_reclaim.c) that takes the bank. A slot's two banks count from different numbers.
 *   - A capacity decreases only after its bank was taken. Then the smaller capacity is stored before the array's next state, so
 *     a thread reads the state first, and the capacity after it. If a section later finds the same state, the capacity is still
 *     at least the one that was read.
 *
 * A thread that moves an object first takes it out of one place, and then puts it into another. In between the object belongs
 * to the thread. A child that is forked in between lacks this object, and has no object twice. Inside a bracket
 * (rk_vfork_begin()), a vfork child can be killed in between, so there objects move directly between the caller and the depot
 * (cache_hand.c).
 *
 * The state of an array is one word. Its low bits are the array's length, and the bits above count all objects that were ever
 * moved. The one store by which a section commits also counts the operations. If an array's state hasn't changed since
 * rk_cache_reclaim_idle() last looked, the CPU counts as idle. To copy a batch, a thread reads the state first. The section
 * commits only if the state is still the same.
 */
#include "cache.h"

#include <rseqkit/ops.h>
#include <rseqkit/thread.h>

#include "os/cpus.h"
#include "sync/bank.h"
#include "thread/bracket.h"

#define AT_ONCE 256 /* the most objects that one section moves */
#define PATIENCE 100 /* attempts to take objects while other threads hold the depot's magazines */

void rk_cache_destruct(const struct rk_cache *cache, void *const *objects, size_t n)
{
	struct rk_cache_shared *shared = shared_of(cache);

	if (n == 0)
		return;
	add_count(&shared->count.destructed, n);
	if (shared->destruct_batch != NULL)
		shared->destruct_batch(shared->context, objects, n);
	for (size_t i = 0; i < n && shared->destruct_batch == NULL; i++)
		shared->destruct(shared->context, objects[i]);
	if (shared->objects_max != 0 && shared->construct != NULL)
		__atomic_fetch_sub(&shared->exist, n, __ATOMIC_RELEASE);
}

struct rk_array *rk_cache_array(const struct rk_cache *cache, int cpu)
{
	struct arrays *arrays;
	intptr_t word;

	if (cpu < 0 || cpu > rk_cpus_get()->highest)
		return NULL;
	arrays = arrays_of(cache, cpu);
	word = __atomic_load_n(&arrays->slot.bank, __ATOMIC_ACQUIRE);
	if (word == 0) {
		(void)rk_bank_open_first(&arrays->slot, array_of(cache, cpu, 0));
		word = __atomic_load_n(&arrays->slot.bank, __ATOMIC_ACQUIRE);
	}
	return rk_bank_in(word);
}

static ptrdiff_t offset_of_element(size_t number)
{
	return (ptrdiff_t)(sizeof(struct rk_array) + number * sizeof(void *));
}

size_t rk_cache_take_here(struct rk_cache *cache, void **objects, size_t n)
{
	enum rk_result outcome = rk_bracket_is_open() ? RK_NO_RSEQ : RK_ABORTED;

	for (int i = 0; i < RK_ABORTS_MAX && outcome != RK_NO_RSEQ; i++) {
		int cpu = rk_cpu();
		const struct rk_array *array = rk_cache_array(cache, cpu);
		intptr_t state = array == NULL ? 0 : array_state(array);
		size_t length = (size_t)RK_ARRAY_LENGTH(state), now = least(least(n, AT_ONCE), length);

		if (now == 0)
			return 0;
		outcome = rk_at_bank_copy_out_if_equal(cache, 0, state, offset_of_element(length - now), objects,
						       now * sizeof(*objects), stepped(state, RK_ARRAY_POPPED(now)), cpu);
		if (outcome == RK_DONE)
			return now;
	}
	return 0;
}

/*
 * Tries to grow a CPU's array, whose capacity is `capacity`, by `wanted` objects or by a batch, whichever is more. If the depot
 * grants less than `wanted`, the function uses the caller's grants for the rest, and subtracts them from *granted. Returns false
 * if the array has its largest size, or if there are no grants. Otherwise returns true, with the outcome of the attempt in
 * *outcome.
 */
static bool grow(struct rk_cache *cache, int cpu, intptr_t capacity, size_t wanted, size_t *granted,
		 enum rk_result *outcome)
{
	struct rk_cache_shared *shared = shared_of(cache);
	size_t most = shared->per_cpu - (size_t)capacity, out_of = 0;
	uint64_t by = rk_depot_grant(&shared->depot, least(most, wanted > shared->batch ? wanted : shared->batch));

	if (by < least(most, wanted))
		out_of = least(least(most, wanted) - by, *granted);
	if (by + out_of == 0)
		return false;
	*outcome = rk_at_bank_store_if_equal(cache, offsetof(struct rk_array, capacity), capacity,
					     capacity + (intptr_t)(by + out_of), cpu);
	if (*outcome == RK_DONE)
		*granted -= out_of;
	else
		rk_depot_return(&shared->depot, by);
	return true;
}

size_t rk_cache_put_here(struct rk_cache *cache, void *const *objects, size_t n, size_t *granted)
{
	enum rk_result outcome = rk_bracket_is_open() ? RK_NO_RSEQ : RK_ABORTED;
	bool may_grow = true;

	for (int i = 0; i < RK_ABORTS_MAX && outcome != RK_NO_RSEQ; i++) {
		int cpu = rk_cpu();
		const struct rk_array *array = rk_cache_array(cache, cpu);
		intptr_t state = array == NULL ? 0 : array_state(array), capacity = array == NULL ? 0 : capacity_of(array);
		size_t length = (size_t)RK_ARRAY_LENGTH(state), wanted = least(n, AT_ONCE);
		size_t room = (size_t)capacity > length ? (size_t)capacity - length : 0, now = least(wanted, room);

		if (array == NULL)
			return 0;
		if (room < wanted && may_grow) {
			may_grow = grow(cache, cpu, capacity, wanted - room, granted, &outcome);
			if (may_grow)
				continue;
		}
		if (now == 0)
			return 0;
		outcome = rk_at_bank_copy_if_equal(cache, 0, state, offset_of_element(length), objects,
						   now * sizeof(*objects), stepped(state, RK_ARRAY_PUSHED(now)), cpu);
		if (outcome == RK_DONE)
			return now;
	}
	return 0;
}

void rk_cache_to_depot(struct rk_cache *cache, void *const *objects, size_t n, bool granted)
{
	struct depot *depot = &shared_of(cache)->depot;

	while (n > 0) {
		size_t wanted = least(n, RK_CACHE_BATCH_MAX);
		size_t may = granted ? wanted : (size_t)rk_depot_grant(depot, wanted);
		size_t put = rk_depot_put(depot, objects, may);

		if (!granted)
			rk_depot_return(depot, may - put);
		if (put == 0) {
			put = wanted;
			if (granted)
				rk_depot_return(depot, put);
			rk_cache_destruct(cache, objects, put);
		}
		objects += put;
		n -= put;
	}
}

size_t rk_cache_take_granted(struct rk_cache *cache, void **objects, size_t n)
{
	struct depot *depot = &shared_of(cache)->depot;
	size_t got = rk_depot_take(depot, objects, n);

	for (int i = 0; i < PATIENCE && got == 0 && n > 0 && !rk_bracket_is_open(); i++) {
		if (rk_depot_objects(depot) <= 0)
			break;
		got = rk_depot_take(depot, objects, n);
	}
	return got;
}

size_t rk_cache_from_depot(struct rk_cache *cache, void **objects, size_t n)
{
	size_t got = rk_cache_take_granted(cache, objects, n);

	rk_depot_return(&shared_of(cache)->depot, got);
	return got;
}

enum rk_result rk_cache_correct_outcome(enum rk_result outcome)
{
	if (rk_bracket_is_open())
		return RK_NO_RSEQ;
	return outcome == RK_NO_RSEQ ? RKI_LEAVE_BY(RKI_CACHE_KIND) : outcome;
}

/*
 * Makes room in this CPU's full array: moves a batch to the depot. If the cache has a destruct_batch(), also destructs the
 * objects of the batch for which the depot has no room. Otherwise these objects stay in the array.
 */
static bool flush(struct rk_cache *cache)
{
	struct rk_cache_shared *shared = shared_of(cache);
	void *batch[RK_CACHE_BATCH_MAX];
	size_t may = (size_t)rk_depot_grant(&shared->depot, shared->batch);
	size_t got = rk_cache_take_here(cache, batch, shared->destruct_batch != NULL ? shared->batch : may);
	size_t stay = least(got, may);

	rk_depot_return(&shared->depot, may - stay);
	if (got == 0)
		return false;
	add_count(&rk_depot_near(&shared->depot)->flushes, 1);
	if (got < shared->batch)
		add_count(&shared->count.unflushed, shared->batch - got);
	rk_cache_to_depot(cache, batch, stay, true);
	rk_cache_destruct(cache, batch + stay, got - stay);
	return true;
}

void rki_cache_put_slow(struct rk_cache *cache, void *object, enum rk_result outcome)
{
	size_t granted = 0;

	outcome = rk_cache_correct_outcome(outcome);
	for (int i = 0; i < RK_ABORTS_MAX && outcome == RK_ABORTED; i++)
		outcome = RKI_OPERATION(RKI_CACHE_KIND, bank_array_push)(cache, 0, object);
	if (outcome == RK_DONE)
		return;
	if (outcome != RK_NO_RSEQ) {
		if (rk_cache_put_here(cache, &object, 1, &granted) == 1)
			return;
		if (flush(cache) && rk_cache_put_here(cache, &object, 1, &granted) == 1)
			return;
	}
	add_count(&rk_depot_near(&shared_of(cache)->depot)->puts, 1);
	rk_cache_to_depot(cache, &object, 1, false);
}

void rk_cache_put_batch(struct rk_cache *cache, void *const *objects, size_t n)
{
	size_t put = 0, granted = 0, now;

	do {
		now = rk_cache_put_here(cache, objects + put, n - put, &granted);
		put += now;
	} while (put < n && now > 0);
	if (put == n)
		return;
	add_count(&rk_depot_near(&shared_of(cache)->depot)->puts, n - put);
	rk_cache_to_depot(cache, objects + put, n - put, false);
}
