/* SPDX-License-Identifier: MIT */
/*
 * bank.h - internal functions for banks. They need the slot's claim, except for rk_bank_begin_exclusively(), rk_bank_in() and
 * rk_bank_is_out().
 */
#ifndef RK_SRC_BANK_H
#define RK_SRC_BANK_H

#include <rseqkit/remote.h>
#include <stdbool.h>

/*
 * As rk_bank_begin_try(), but for the time of one function: a signal handler that interrupts it doesn't hold the claim. The end
 * changes nothing about a bank that was taken and not done with.
 */
int rk_bank_begin_exclusively(void *base, int cpu);
void rk_bank_end_exclusively(void *base, int cpu);

/*
 * As rk_bank_take(), for a slot that has two banks: its users continue with the other bank, which the caller keeps ready for
 * that. Returns -EHOSTUNREACH instead of -ESTALE: there was no fence before, and there is none now.
 */
int rk_bank_take_of_two(void *base, int cpu, void *first, void *second, void **bank);

/* Returns the bank that an open slot's word names, or NULL if the slot is closed. */
static inline void *rk_bank_in(intptr_t word)
{
	return word & RK_BANK_OPEN ? (void *)(word & ~(intptr_t)RK_BANK_OPEN) : NULL;
}

/* Is there a bank that was taken and isn't done with? A call whose fence failed counts, too. */
bool rk_bank_is_out(const struct rk_bank_slot *slot);

/* Gives the bank of an open slot, and returns 0. -ENXIO: never opened; -ESHUTDOWN: closed; -ESTALE: another isn't done with. */
int rk_bank_current(struct rk_bank_slot *slot, void **bank);

/*
 * Closes an open slot briefly; its bank stays as it is. When this returns 0, no section works on the bank. If the holder is lost
 * before it opens the slot, the next thread that claims the slot opens it. Otherwise returns the negative errno of
 * rk_fence_cpu(), and the slot is open.
 */
int rk_bank_close(void *base, int cpu);

/* Opens the slot again, with that bank or another. */
void rk_bank_reopen(struct rk_bank_slot *slot, void *bank);

#endif /* RK_SRC_BANK_H */
