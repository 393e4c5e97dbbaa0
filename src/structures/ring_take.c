/* SPDX-License-Identifier: MIT */
/*
 * ring_take.c - takes the log of the overflow ring of an overwriting ring, to which threads without rseq write. The logs of
 * CPUs are banks (sync/bank.h), whose readers fence. The writers of the overflow ring hold a claim while they write, so its
 * readers take this claim for a moment instead. The words have the same meaning as those of banks, so a child that is forked in
 * between finds the log.
 */
#include "ring_order.h"

#include <errno.h>
#include "sync/claim.h"

#define TRIES 2000         /* attempts to take the claim of the overflow ring's writers without sleeping */
#define PATIENCE 100000000 /* ns that a reader waits for a writer of the overflow ring */

/*
 * Takes the claim of the overflow ring's writers. Waiting threads sleep, and writers that come meanwhile take the claim first, so
 * this function first tries without sleeping.
 */
static int stop_writers(struct rk_claim *writing)
{
	int r = -EBUSY;

	for (int i = 0; i < TRIES && r == -EBUSY; i++)
		r = rk_claim_take_try(writing);
	return r == -EBUSY ? rk_claim_take_for(writing, PATIENCE) : r;
}

int rk_ring_overflow_take(struct rk_ring *ring, struct ring_log **log)
{
	const struct ring_state *state = ring_state_of(ring);
	struct ring_slot *slot = ring_slot_of(ring, RK_INDEX_OVERFLOW);
	struct ring_log *first = log_of(state, RK_INDEX_OVERFLOW, 0), *second = log_of(state, RK_INDEX_OVERFLOW, 1);
	int r = 1;

	*log = NULL;
	if (!rk_bank_is_out(&slot->bank)) {
		r = stop_writers(&slot->writing);
		if (r < 0)
			return r;
		if (slot->bank.bank == 0) /* a child that is forked between the next two stores finds its log in both words */
			__atomic_store_n(&slot->bank.bank, (intptr_t)first, __ATOMIC_RELEASE);
		prepare_both(state, RK_INDEX_OVERFLOW);
		__atomic_store_n(&slot->bank.taken, slot->bank.bank, __ATOMIC_RELEASE);
		__atomic_store_n(&slot->bank.bank, (intptr_t)(slot->bank.bank == (intptr_t)second ? first : second),
				 __ATOMIC_RELEASE);
		(void)rk_claim_release(&slot->writing);
		r = 0;
	}
	*log = (struct ring_log *)slot->bank.taken;
	return r;
}

void rk_ring_overflow_done(struct rk_ring *ring)
{
	__atomic_store_n(&ring_slot_of(ring, RK_INDEX_OVERFLOW)->bank.taken, 0, __ATOMIC_RELEASE);
}

void rk_ring_forget_history(const struct rk_ring *ring, int index)
{
	struct ring_log *history = log_of(ring_state_of(ring), index, RING_HISTORY);

	__atomic_store_n(&ring_slot_of(ring, index)->forgotten, 1, __ATOMIC_RELEASE);
	if (history->start != head_of(history)) /* a history that was never used stays without memory */
		__atomic_store_n(&history->start, head_of(history), __ATOMIC_RELEASE);
}
