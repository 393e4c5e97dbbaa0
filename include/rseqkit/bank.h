/* SPDX-License-Identifier: MIT */
/*
 * bank.h - closable memory: per-CPU data that a thread on any CPU can take over, while the CPU's own users continue.
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
 * Local users load that word and do their operation in one section. They never store to the word. A remote owner (remote.h)
 * stores the address of a spare bank, and fences the CPU's sections. From then on it owns the old bank: a section that had
 * loaded the old address has finished or aborted. Without a spare bank the remote owner closes the slot.
 *
 * The operations are those of ops.h, on the word `where` bytes into the bank:
 *
 *   rk_cpu_bank_VERB(base, where, ...)        of the CPU that the operation runs on
 *   rk_cid_bank_VERB(base, where, ...)        of the thread's concurrency id; only a fence of all CPUs covers it
 *   rk_at_bank_VERB(base, where, ..., cpu)    of `cpu`, done only if the operation runs on that CPU
 *
 * The slot's word of ops.h is that word of the bank here. Offsets that ops.h counts from the slot are counted from that word.
 *   Parameters: base is the address of slot 0. where is in bytes, and leads to an aligned word of the bank.
 *   Returns: an outcome of enum rk_result. RK_CLOSED if the slot is closed or was never opened. Then nothing was done, and the
 *   user takes its structure's overflow way.
 *   Context, cost and memory order: as ops.h says; a load and three instructions more.
 */
#ifndef RSEQKIT_BANK_H
#define RSEQKIT_BANK_H

#include <rseqkit/ops.h>

/* A bit of struct rk_bank_slot's `bank`, set while the slot is open. Banks are aligned to at least 4 bytes. */
#define RK_BANK_OPEN 1

/*
 * A claim, by which the remote owners of a slot take turns; see remote.h. A claim of zeros is free.
 */
struct rk_claim {
	uint64_t holder;  /* the number of the thread that holds it, 0 if it is free */
	uint32_t waiters; /* how many threads may sleep until it is free */
	uint32_t reserved;
};

/* The beginning of a slot of closable memory. A slot of zeros was never opened. */
struct rk_bank_slot {
	intptr_t bank;         /* the bank's address, with RK_BANK_OPEN; without it the slot is closed; 0: never opened */
	intptr_t taken;        /* for remote owners: the bank that is being taken, or was taken and isn't done with */
	struct rk_claim claim; /* for remote owners */
};

RKI_BEGIN_DECLS

/*
 * Opens a slot that was never opened. From then on the slot names `bank`, which the caller has filled. Any thread may do this
 * for any slot, also while a remote owner works on the slot.
 *
 * Parameters: slot is rk_percpu_slot(base, cpu). bank is aligned to 4 bytes at least.
 * Returns 0; -EEXIST if the slot was opened before, and then the bank stays the caller's; -EINVAL if slot or bank is NULL, or
 * bank isn't aligned.
 * Context: any thread; signal handler; after fork; vfork child. Cost: an atomic instruction.
 */
RKI_API int rk_bank_open_first(struct rk_bank_slot *slot, void *bank);

RKI_END_DECLS

#include <rseqkit/detail/bank.h>

#endif /* RSEQKIT_BANK_H */
