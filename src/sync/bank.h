/* SPDX-License-Identifier: MIT */
/* bank.h - what this library asks of banks besides. But for the first, these need the slot's claim. */
#ifndef RK_SRC_BANK_H
#define RK_SRC_BANK_H

#include <rseqkit/remote.h>
#include <stdbool.h>

/*
 * As rk_bank_begin_try(), at once, for one function's time: a signal handler that interrupts it isn't the claim's holder. Its
 * end leaves alone what was taken and not done with.
 */
int rk_bank_begin_exclusively(void *base, int cpu);
void rk_bank_end_exclusively(void *base, int cpu);

/*
 * As rk_bank_take(), of a slot that has two banks: its users go on with the other one of them, which the caller keeps ready
 * for that. Returns -EHOSTUNREACH for -ESTALE: nor was there a fence before.
 */
int rk_bank_take_of_two(void *base, int cpu, void *first, void *second, void **bank);

/* The bank that an open slot's word names; NULL of a closed one's. */
static inline void *rk_bank_in(intptr_t word)
{
	return word & RK_BANK_OPEN ? (void *)(word & ~(intptr_t)RK_BANK_OPEN) : NULL;
}

/* Has somebody, or did a call whose fence failed, take a bank that nobody is done with? */
bool rk_bank_is_out(const struct rk_bank_slot *slot);

/* The bank of an open slot: 0 and the bank; -ENXIO never opened, -ESHUTDOWN closed, -ESTALE another isn't done with. */
int rk_bank_current(struct rk_bank_slot *slot, void **bank);

/*
 * Closes an open slot for a while, whose bank stays as it is: when this returns 0, no section works on it. Who claims the
 * slot next, if the holder is no more by then, finds it open again. Else the negative errno of rk_fence_cpu(), and it is
 * open.
 */
int rk_bank_close(void *base, int cpu);

/* Opens it again, with that bank or another. */
void rk_bank_reopen(struct rk_bank_slot *slot, void *bank);

#endif /* RK_SRC_BANK_H */
