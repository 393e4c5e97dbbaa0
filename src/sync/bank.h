/* SPDX-License-Identifier: MIT */
/*
 * bank.h - internal functions for closable slots. A slot is one CPU's part of per-CPU memory. The first word of a closable slot
 * names the memory with the slot's data, its bank. A claim (claim.h) in the slot names the thread that may take the bank; this
 * thread holds the claim (rseqkit/bank.h, rseqkit/remote.h). Call the functions only if the caller holds the claim, except
 * rk_bank_begin_exclusively(), rk_bank_is_open(), rk_bank_in() and rk_bank_is_out().
 */
#ifndef RK_SRC_BANK_H
#define RK_SRC_BANK_H

#include <rseqkit/remote.h>
#include <stdbool.h>

/*
 * Like rk_bank_begin_try(), for a claim that one function takes and releases. A signal handler that interrupts that function
 * can't use the claim, although its thread holds the claim. If a bank was taken, and rk_bank_done() wasn't called yet,
 * rk_bank_end_exclusively() leaves that bank taken.
 */
int rk_bank_begin_exclusively(void *base, int cpu);
void rk_bank_end_exclusively(void *base, int cpu);

/*
 * Like rk_bank_take(), for a slot that has two banks. The slot's users continue with the other bank, which the caller keeps
 * ready. If the fence of an earlier take failed, and this fence fails too, returns -EHOSTUNREACH instead of -ESTALE.
 */
int rk_bank_take_of_two(void *base, int cpu, void *first, void *second, void **bank);

/*
 * rk_bank_swap_of_two() does the first half of rk_bank_take_of_two(), without a fence: the slot's users continue with the other
 * bank. It returns 0 if the bank that was in use is out now, and 1 if another one was out already. When the caller has fenced the
 * CPU after this call, rk_bank_swapped() returns the bank that is out, which belongs to the caller then, or NULL.
 */
int rk_bank_swap_of_two(void *base, int cpu, void *first, void *second);
void *rk_bank_swapped(void *base, int cpu);

/* Returns whether a slot whose first word is `word` is open. */
static inline bool rk_bank_is_open(intptr_t word)
{
	return word != 0 && (word & RK_BANK_CLOSED) == 0;
}

/* Returns the bank that an open slot's word names, or NULL if the slot isn't open. */
static inline void *rk_bank_in(intptr_t word)
{
	return rk_bank_is_open(word) ? (void *)word : NULL;
}

/*
 * Returns whether a bank was taken without a later rk_bank_done(). If the fence of rk_bank_take() failed, the result stays
 * true after rk_bank_done().
 */
bool rk_bank_is_out(const struct rk_bank_slot *slot);

/*
 * Stores the bank of an open slot in *bank, and returns 0. Returns -ENXIO if the slot was never opened; -ESHUTDOWN if the slot
 * is closed; -ESTALE if another bank was taken, and rk_bank_done() wasn't called yet.
 */
int rk_bank_current(struct rk_bank_slot *slot, void **bank);

/*
 * Closes an open slot for a short time. The slot's bank stays as it is. When this function returns 0, no section works on the
 * bank. If the fence fails, the function returns the negative errno of rk_fence_cpu(), and the slot is open. If another
 * thread forks before the holder opens the slot again, the slot is closed in the child. There the next thread that claims the
 * slot opens it.
 */
int rk_bank_close(void *base, int cpu);

/* Opens the slot again, with the same bank or with another bank. */
void rk_bank_reopen(struct rk_bank_slot *slot, void *bank);

#endif /* RK_SRC_BANK_H */
