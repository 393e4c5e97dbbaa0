/* SPDX-License-Identifier: MIT */
/*
 * lock.c - a lock for each CPU, with data: how it is made, what it is, and what a fork does to it.
 *
 *   gate item (its address is the lock's)         data item, as large as it is to be
 *   reserve slot      overflow slot               overflow slot      slot of each CPU
 *   +---------+       +------+                    +--------+------+  +--------+------+
 *   | state   |       | gate |------------------> | header | data |  | header | data |
 *   +---------+       +------+      in slot 0     +--------+------+  +--------+------+
 *
 * A CPU's slot is held in one of two ways. A section finds both `held` and `closed` 0, and stores who holds it: that takes
 * turns on that CPU, wherever the holder is then, and is undone by a plain store. Or somebody closes it: claims it, which
 * takes turns among those, sets CLOSED, fences that CPU, and waits until `held` is 0. From the fence on no section takes it.
 * Who has got so far sets OWNED. The overflow slot, which no section ever works on, is held by its claim alone.
 *
 * fork. The gate is closed in a child, for its item is empty there; data and headers are as they were. Its first user sweeps:
 * what others held is free, and marked HALF_DONE if they had got it. It opens the gate behind that, so whatever a section
 * holds is of this process, or of the thread that forked. Who sweeps has signals blocked, so no thread goes on with that in a
 * child. HALF_DONE keeps sections out: the next one closes the slot, clears it, and is told.
 */
#define RK_NO_PIN /* this library pins itself (pin.c), which must not happen in the preloaded object */
#define _GNU_SOURCE
#include "lock.h"

#include <rseqkit/remote.h>

#include <errno.h>
#include "kernel.h"
#include "memory/cpus.h"
#include "memory/percpu.h"
#include "pool.h"
#include "remote/holder.h"

_Static_assert(sizeof(struct rki_lock_slot) <= RK_LOCK_HEADER, "it is in front of the data");
_Static_assert(offsetof(struct rki_lock_slot, closed) == sizeof(intptr_t), "rk_gate_take() relies on it");

/* Slots of 64, 96, 128, 192, ... bytes up to RK_STRIDE. */
#define SIZES 25
static struct rk_percpu *gates, *pools[SIZES];

static size_t size_of(unsigned which)
{
	return (size_t)(which % 2 ? 96 : 64) << which / 2;
}

static void open_gate(const struct rk_lock *lock)
{
	struct rk_lock_state *state = rk_lock_state(lock);

	state->process = rk_holder_process();
	__atomic_store_n(rk_lock_gate(lock), (intptr_t)state->slots, __ATOMIC_RELEASE);
}

int rk_lock_create(struct rk_lock **lock, size_t size)
{
	struct rk_percpu_options options = {.item_size = 64, .alignment = 64, .flags = RK_PERCPU_EMPTY_IN_CHILDREN};
	void *item = NULL, *slots = NULL;
	struct rk_percpu *pool;
	struct rk_lock_state *state;
	unsigned which = 0;
	int r;

	if (lock == NULL)
		return -EINVAL;
	*lock = NULL;
	if (size > RK_LOCK_SIZE_MAX)
		return -EINVAL;
	if (!rk_holder_is_wiped())
		options.flags = 0;
	r = rk_pool_get_fenced(&gates, &options, &pool);
	if (r == 0)
		r = rk_percpu_alloc_for(pool, &item, __builtin_return_address(0));
	if (r < 0)
		return r;
	while (size_of(which) < size + RK_LOCK_HEADER)
		which++;
	options = (struct rk_percpu_options){.item_size = size_of(which), .alignment = 64};
	r = rk_pool_get(&pools[which], &options, &pool);
	if (r == 0)
		r = rk_percpu_alloc_for(pool, &slots, __builtin_return_address(0));
	if (r < 0) {
		(void)rk_percpu_free(gates, item);
		return r;
	}
	*lock = (struct rk_lock *)item;
	state = rk_lock_state(*lock);
	state->slots = slots;
	state->pool = which;
	state->by_sections = RK_HAVE_SECTIONS && rk_holder_is_wiped() && rk_fence_all() == 0;
	if (state->by_sections)
		open_gate(*lock);
	return 0;
}

/* fork */

/* By who sweeps: what isn't held by who is here is free, and told if it was held. */
static void sweep_slot(struct rki_lock_slot *slot, intptr_t forker)
{
	intptr_t held = __atomic_load_n(&slot->held, __ATOMIC_RELAXED);
	int r = rk_claim_try(&slot->claim);

	if (r == 1 && __atomic_load_n(&slot->closed, __ATOMIC_RELAXED) & RK_LOCK_OWNED)
		__atomic_fetch_or(&slot->closed, RK_LOCK_HALF_DONE, __ATOMIC_SEQ_CST);
	if (held != 0 && held != forker) {
		__atomic_fetch_or(&slot->closed, RK_LOCK_HALF_DONE, __ATOMIC_SEQ_CST);
		__atomic_store_n(&slot->held, 0, __ATOMIC_RELEASE);
	}
	if (r < 0)
		return; /* by the thread that forked */
	__atomic_fetch_and(&slot->closed, RK_LOCK_HALF_DONE, __ATOMIC_SEQ_CST);
	(void)rk_claim_release(&slot->claim);
}

/* Thread pointers are used again: what one says that was stored in a process before the forker's own says nothing. */
static void sweep(const struct rk_lock *lock, intptr_t forker, uint64_t since)
{
	if (rk_lock_state(lock)->process < since)
		forker = 0;
	for (int index = 0; index <= rk_cpus_get()->highest; index++)
		sweep_slot(rk_lock_slot(lock, index), forker);
	open_gate(lock);
}

int rk_lock_settle(const struct rk_lock *lock)
{
	struct rk_lock_state *state = rk_lock_state(lock);
	unsigned char before[RK_SIGSET_SIZE];
	uintptr_t forker;
	uint64_t since;
	bool blocked;
	int r;

	if (!state->by_sections || __atomic_load_n(rk_lock_gate(lock), __ATOMIC_ACQUIRE) != 0)
		return 0;
	(void)rk_holder_me(); /* perhaps this is the thread that forked */
	if (!rk_holder_forker(&forker, &since))
		return -EBUSY;
	blocked = rk_kernel_block_signals(before) == 0;
	r = rk_claim_try(&state->sweeper);
	if (r >= 0) {
		if (__atomic_load_n(rk_lock_gate(lock), __ATOMIC_ACQUIRE) == 0)
			sweep(lock, (intptr_t)forker, since);
		(void)rk_claim_release(&state->sweeper);
	}
	if (blocked)
		(void)rk_kernel_set_signals(before, NULL);
	return r < 0 ? r : 0;
}

int rk_lock_destroy(struct rk_lock *lock)
{
	const void *caller = __builtin_return_address(0);
	struct place place;
	struct rk_lock_state *state;
	int r;

	if (lock == NULL)
		return 0;
	if (!rk_pool_has(__atomic_load_n(&gates, __ATOMIC_ACQUIRE), lock, &place))
		return -EINVAL;
	state = rk_lock_state(lock);
	if (rk_lock_settle(lock) < 0)
		return -EBUSY;
	for (int index = RK_INDEX_OVERFLOW; index <= rk_cpus_get()->highest; index++) {
		struct rki_lock_slot *slot = rk_lock_slot(lock, index);

		if (__atomic_load_n(&slot->held, __ATOMIC_ACQUIRE) != 0 || rk_claim_try(&slot->claim) < 0)
			return -EBUSY;
		(void)rk_claim_release(&slot->claim);
	}
	r = rk_percpu_free_for(pools[state->pool], state->slots, caller);
	return r < 0 ? r : rk_percpu_free_for(gates, lock, caller);
}
