/* SPDX-License-Identifier: MIT */
/*
 * bank.h - closable memory: per-CPU data that a thread on any CPU can take over, while the CPU's own users continue.
 *
 * A slot (slot.h) of closable memory begins with struct rk_bank_slot. The first word of this structure names the slot's bank,
 * the memory that holds the data.
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
 * Local users, the threads on the slot's CPU, load the slot's first word and do their operation in one section. They never store
 * to that word. A remote owner (remote.h) stores the address of a spare bank into the word, and fences the CPU's sections. After
 * the fence the remote owner owns the old bank, because each section that had loaded the old address has finished or aborted.
 * Without a spare bank the remote owner closes the slot.
 *
 * The operations are in ops.h, too. They work on the word at offset `where` in the bank:
 *
 *   rk_cpu_bank_VERB(base, where, ...)        the bank of the CPU that the operation runs on
 *   rk_cid_bank_VERB(base, where, ...)        the bank of the thread's concurrency id; only a fence of all CPUs covers these
 *                                             operations
 *   rk_at_bank_VERB(base, where, ..., cpu)    the bank of `cpu`; done only if the operation runs on that CPU
 *
 * Where ops.h says "the slot's word", read "the word at `where` in the bank". Offsets that ops.h counts from the slot are
 * counted from this word.
 *   Parameters: `base` is the address of slot 0. `where` is in bytes, and must lead to an aligned word of the bank.
 *   Returns: an outcome of enum rk_result. If the slot is closed or was never opened, the outcome is RK_CLOSED. Then nothing was
 *   done, and the caller must use its structure's fallback.
 *   Context, cost and memory order: as ops.h says; each operation takes one load and three instructions more than the operation
 *   of ops.h.
 */
#ifndef RSEQKIT_BANK_H
#define RSEQKIT_BANK_H

#include <rseqkit/slot.h>

/*
 * RK_BANK_CLOSED is a bit of `bank` in struct rk_bank_slot, which is set while the slot is closed. No bank's address has this
 * bit. On 64-bit machines it is the highest bit. One comparison in a section therefore tells whether the slot is open: the word
 * is greater than 0.
 */
#if INTPTR_MAX == INT64_MAX
#define RK_BANK_CLOSED INTPTR_MIN
#else
#define RK_BANK_CLOSED ((intptr_t)1)
#endif

/*
 * A claim, by which the remote owners of a slot take turns; see remote.h. A claim whose bytes are all zero is free.
 */
struct rk_claim {
	uint64_t holder;  /* the number of the thread that holds the claim; 0 if the claim is free */
	uint32_t waiters; /* how many threads may be sleeping until the claim is free */
	uint32_t reserved;
};

/* A slot of closable memory begins with this struct. A slot whose bytes are all zero was never opened. */
struct rk_bank_slot {
	intptr_t bank;         /* the bank's address, plus RK_BANK_CLOSED if the slot is closed; 0 if the slot was never opened */
	intptr_t taken;        /* for remote owners: the bank that is being taken, or was taken without a later rk_bank_done() */
	struct rk_claim claim; /* for remote owners */
};

RKI_BEGIN_DECLS

/*
 * Opens a slot that was never opened. After the call the slot names `bank`. The caller must fill the bank before this call. Any
 * thread may call this function for any slot, even while a remote owner works on the slot.
 *
 * Parameters: `slot` is rk_percpu_slot(base, cpu). `bank` must be aligned to at least 4 bytes. On 64-bit machines the highest bit
 * of its address must be 0. (HWASan's tags can set this bit in addresses from malloc(), but not in those from mmap().)
 * Returns 0. Returns -EEXIST if the slot was opened before; then `bank` still belongs to the caller. Returns -EINVAL if `slot`
 * or `bank` is NULL, or if the address of `bank` isn't allowed.
 * Context: any thread; signal handler; after fork; vfork child. Cost: one atomic instruction.
 */
RKI_API int rk_bank_open_first(struct rk_bank_slot *slot, void *bank);

RKI_END_DECLS

#endif /* RSEQKIT_BANK_H */
