/* SPDX-License-Identifier: MIT */
/*
 * percpu_bank.c - finds the two banks that each slot of a closable item has (RK_PERCPU_CLOSABLE). A slot is one CPU's part of
 * the item, and a bank is memory for the slot's data. One bank is in use, or taken by the thread that holds the slot's claim
 * (rseqkit/remote.h). The invariant: the other bank, the spare one, is neither in use nor taken.
 */
#include "percpu/percpu.h"
#include "bank.h"

void *rk_percpu_bank(const struct rk_percpu *pool, void *item, int index, int which)
{
	if (pool == NULL || item == NULL || !(pool->flags & RK_PERCPU_CLOSABLE) || (which != 0 && which != 1))
		return NULL;
	return (char *)rk_percpu_slot(item, index) + pool->bank_offset + (size_t)which * pool->bank_size;
}

void *rk_percpu_spare(const struct rk_percpu *pool, void *item, int index)
{
	const struct rk_bank_slot *slot = (const struct rk_bank_slot *)rk_percpu_slot(item, index);
	void *second = rk_percpu_bank(pool, item, index, 1);
	intptr_t used;

	if (second == NULL || rk_bank_is_out(slot))
		return NULL;
	used = __atomic_load_n(&slot->bank, __ATOMIC_RELAXED) & ~RK_BANK_CLOSED;
	/* A slot that was never opened will be opened with the first bank. */
	return used == (intptr_t)second ? rk_percpu_bank(pool, item, index, 0) : second;
}

int rk_percpu_open(const struct rk_percpu *pool, void *item, int index)
{
	return rk_bank_open_first((struct rk_bank_slot *)rk_percpu_slot(item, index), rk_percpu_bank(pool, item, index, 0));
}
