/* SPDX-License-Identifier: MIT */
/*
 * bank.h - closable memory: per-CPU data that a thread elsewhere can take over, while the CPU's own users go on.
 *
 * A slot (ops.h) begins with struct rk_bank_slot. Its first word names the slot's bank, the memory that holds the data.
 *
 *     slot of CPU 0            slot of CPU 1
 *     +------+-------+-----+   +------+-------+-----+
 *     | bank | taken | ... |   | bank | taken | ... |
 *     +--|---+-------+-----+   +--|---+-------+-----+
 *        v                        v
 *     +----------------+       +----------------+       +----------------+
 *     | data of CPU 0  |       | data of CPU 1  |       | a spare bank   |
 *     +----------------+       +----------------+       +----------------+
 *
 * Local users load that word and do their operation in one section; they never store to it. A remote owner (remote.h)
 * stores the address of a spare bank, fences the CPU's sections, and owns the old bank from then on: a section that had
 * loaded the old address is finished by then, or aborted. Where there is no spare bank it closes the slot.
 *
 * The operations are those of ops.h, on the word `where` bytes into the bank:
 *
 *   rk_cpu_bank_VERB(base, where, ...)        of the CPU it runs on
 *   rk_cid_bank_VERB(base, where, ...)        of the thread's concurrency id; fenced for all CPUs only
 *   rk_at_bank_VERB(base, where, ..., cpu)    of `cpu`, done only if that is the CPU it runs on
 *
 * What ops.h calls the slot's word is that word of the bank, and what it calls behind the slot is behind that word.
 *   Parameters: base is the address of slot 0. where is in bytes, and leads to an aligned word of the bank.
 *   Returns: an outcome of enum rk_result; RK_CLOSED where the slot is closed or was never opened, and then nothing was
 *   done: the user takes its structure's overflow way.
 *   Context, cost and memory order: as ops.h says; two instructions and a load more.
 */
#ifndef RSEQKIT_BANK_H
#define RSEQKIT_BANK_H

#include <rseqkit/ops.h>

/* Set in struct rk_bank_slot's bank while the slot is open; banks are aligned to at least 4 bytes. */
#define RK_BANK_OPEN 1

/*
 * A claim: remote owners of one thing take turns, see remote.h. Zeros are a free one.
 */
struct rk_claim {
	uint64_t holder;  /* which thread, 0 if nobody */
	uint32_t waiters; /* threads that may sleep until it is free */
	uint32_t reserved;
};

/* What a slot of closable memory begins with. Zeros are a slot that was never opened. */
struct rk_bank_slot {
	intptr_t bank;         /* the bank's address, with RK_BANK_OPEN; without it the slot is closed; 0: never opened */
	intptr_t taken;        /* of remote owners: the bank that is being taken, or was, and isn't done with */
	struct rk_claim claim; /* of remote owners */
};

RKI_BEGIN_DECLS

/*
 * Opens a slot that was never opened, with the bank that it names from then on. The caller has filled the bank. Any
 * thread may do this for any slot, also where a remote owner is at work.
 *
 * Parameters: slot is rk_percpu_slot(base, cpu). bank is aligned to 4 bytes at least.
 * Returns 0; -EEXIST when it was opened before, and then the bank stays the caller's; -EINVAL for a bank that is NULL
 * or not aligned.
 * Context: any thread; signal handler; after fork; vfork child. Cost: an atomic instruction.
 */
RKI_API int rk_bank_open_first(struct rk_bank_slot *slot, void *bank);

RKI_END_DECLS

#include <rseqkit/detail/bank.h>

#endif /* RSEQKIT_BANK_H */
