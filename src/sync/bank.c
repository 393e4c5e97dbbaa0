/* SPDX-License-Identifier: MIT */
/*
 * bank.c - takes the bank, the memory with a slot's data, from a closable slot (rseqkit/bank.h, rseqkit/remote.h). A slot is one
 * CPU's part of per-CPU memory.
 *
 * The invariant: a bank is named by `bank`, the slot's first word, or by `taken`, the slot's second word, or it belongs to
 * one thread. rk_bank_take() first stores the bank in `taken`, and then changes the first word. A child that is forked
 * between these two stores finds the bank in both words, so it knows that nothing was taken yet.
 *
 *   taken             word                     the bank in `taken`
 *   0                 any                      there is none
 *   bank | PENDING    the same bank, open      is in use, and about to be taken
 *   bank | PENDING    another bank, or closed  can still be in use, until a fence of the slot's CPU
 *   bank              another bank, or closed  belongs to the claim's holder
 *   bank              the same bank, open      is in use: the holder has opened the slot with it again
 *   bank | BRIEFLY    the same bank, closed    is unchanged, and the slot has to be opened with it again (vector.c)
 *   bank | BRIEFLY    the same bank, open      is in use
 *   bank | BRIEFLY    another bank             is spare: the other bank is in use
 *
 * A fence can fail: a seccomp filter that is installed later can forbid both membarrier(2) and running on another CPU. By then
 * the first word can name the spare bank. The old bank stays PENDING, and belongs to no thread until a fence succeeds.
 *
 * A child that is forked during rk_bank_take() finds one of three states. If the slot is open with the bank in `taken`,
 * nothing has happened. If the slot is open with another bank, or closed, the next rk_bank_take() fences and returns the bank
 * in `taken`.
 *
 * If slots are used by concurrency id, sections on any CPU use a slot, so rk_bank_take_cid() fences all CPUs.
 *
 * No fence reaches a section whose thread sleeps in a page fault, because this thread runs on no CPU. The section is aborted
 * only when the thread continues. Before that the kernel handles the fault, and kills the process if the page was unmapped.
 * Keep banks and nodes of lists mapped as long as a section can access them. (We observed this with swap, with pages of files,
 * and with userfaultfd.)
 */
#include "bank.h"

#include <rseqkit/ops_at.h>
#include <rseqkit/thread.h>

#include <errno.h>
#include "claim.h"
#include "os/cpus.h"

/* Values that fence_taken() takes instead of a CPU. */
#define ALL (-1)    /* fences all CPUs */
#define FENCED (-2) /* nothing: the caller has fenced */
#define LATER (-3)  /* nothing: the caller will fence */

#define PENDING 1
#define BRIEFLY 2

/*
 * Returns the bank that a slot's first word names, or 0 if it names none. A closed slot names no bank in two cases. First, it
 * had none when it was closed. Second, its bank was taken, and rk_bank_done() was called after that.
 */
static intptr_t bank_of(intptr_t word)
{
	return word & ~RK_BANK_CLOSED;
}

/*
 * Returns NULL for parameters that name no slot. An index is a CPU number or a concurrency id. A concurrency id can be the
 * number of no CPU.
 */
static struct rk_bank_slot *slot_of(void *base, int index)
{
	if (base == NULL || index < 0 || index > rk_cpus_get()->highest)
		return NULL;
	return (struct rk_bank_slot *)((uintptr_t)base + ((uintptr_t)index << RK_STRIDE_SHIFT));
}

static bool may_be_bank(const void *bank)
{
	return bank != NULL && ((intptr_t)bank & (RK_BANK_CLOSED | 3)) == 0;
}

/* Returns whether there is a bank in `taken`, and it isn't the bank in use. */
static bool is_out(intptr_t taken, intptr_t word)
{
	return taken != 0 && word != (taken & ~(intptr_t)PENDING);
}

int rk_bank_open_first(struct rk_bank_slot *slot, void *bank)
{
	intptr_t never = 0;

	if (slot == NULL || !may_be_bank(bank))
		return -EINVAL;
	return __atomic_compare_exchange_n(&slot->bank, &never, (intptr_t)bank, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED) ? 0 :
		       -EEXIST;
}

/*
 * Opens the slot again if rk_bank_close() had closed it, and this process was forked without the thread that called
 * rk_bank_close().
 */
static void mend_slot(struct rk_bank_slot *slot)
{
	intptr_t taken = __atomic_load_n(&slot->taken, __ATOMIC_RELAXED);
	intptr_t bank = taken & ~(intptr_t)BRIEFLY;

	if (!(taken & BRIEFLY))
		return;
	if (__atomic_load_n(&slot->bank, __ATOMIC_RELAXED) == (bank | RK_BANK_CLOSED))
		__atomic_store_n(&slot->bank, bank, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->taken, 0, __ATOMIC_RELEASE);
}

int rk_bank_begin_for(void *base, int cpu, int64_t nanoseconds)
{
	struct rk_bank_slot *slot = slot_of(base, cpu);
	int r = slot == NULL ? -EINVAL : rk_claim_take_for(&slot->claim, nanoseconds);

	if (r >= 0)
		mend_slot(slot);
	return r;
}

int rk_bank_begin_try(void *base, int cpu)
{
	return rk_bank_begin_for(base, cpu, 0);
}

/* Returns the slot, if the calling thread holds its claim. Otherwise returns NULL, and the reason in *error. */
static struct rk_bank_slot *held(void *base, int cpu, int *error)
{
	struct rk_bank_slot *slot = slot_of(base, cpu);

	*error = slot == NULL ? -EINVAL : !rk_claim_is_mine(&slot->claim) ? -EPERM : 0;
	if (*error != 0)
		return NULL;
	mend_slot(slot); /* needed if the caller took the claim by rk_claim_take_try() or rk_claim_take_for() */
	return slot;
}

static int fence_as(int cpu)
{
	return cpu == FENCED ? 0 : cpu == ALL ? rk_fence_all() : rk_fence_cpu(cpu);
}

/* Fences CPU `cpu`, or what ALL and FENCED say. After success, the bank in `taken` belongs to the caller, except with LATER. */
static int fence_taken(struct rk_bank_slot *slot, int cpu, void **bank)
{
	intptr_t taken = __atomic_load_n(&slot->taken, __ATOMIC_RELAXED);
	int r = !(taken & PENDING) || cpu == LATER ? 0 : fence_as(cpu);

	if (r < 0 || cpu == LATER)
		return r;
	taken &= ~(intptr_t)PENDING;
	__atomic_store_n(&slot->taken, taken, __ATOMIC_RELEASE);
	*bank = (void *)taken;
	return 0;
}

static int take_bank(struct rk_bank_slot *slot, int fenced, void *spare, void **bank)
{
	intptr_t next = (intptr_t)spare, word, taken;
	int r;

	if (bank == NULL || (spare != NULL && !may_be_bank(spare)))
		return -EINVAL;
	*bank = NULL;
	word = __atomic_load_n(&slot->bank, __ATOMIC_ACQUIRE);
	taken = __atomic_load_n(&slot->taken, __ATOMIC_RELAXED);
	if (is_out(taken, word)) {
		r = fence_taken(slot, fenced, bank);
		return r < 0 ? -ESTALE : 1;
	}
	do {
		/* Another thread may have opened the slot with the spare bank. */
		if (spare != NULL && bank_of(word) == (intptr_t)spare) {
			__atomic_store_n(&slot->taken, 0, __ATOMIC_RELAXED);
			return -EINVAL;
		}
		if (spare == NULL)
			next = word | RK_BANK_CLOSED;
		__atomic_store_n(&slot->taken, bank_of(word) == 0 ? 0 : bank_of(word) | PENDING, __ATOMIC_RELAXED);
	} while (!__atomic_compare_exchange_n(&slot->bank, &word, next, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return bank_of(word) == 0 ? 0 : fence_taken(slot, fenced, bank);
}

int rk_bank_take(void *base, int cpu, void *spare, void **bank)
{
	int r;
	struct rk_bank_slot *slot = held(base, cpu, &r);

	if (slot == NULL)
		return r;
	return rk_cpus_has(rk_cpus_get(), cpu) ? take_bank(slot, cpu, spare, bank) : -EINVAL;
}

int rk_bank_take_cid(void *base, int cid, void *spare, void **bank)
{
	int r;
	struct rk_bank_slot *slot = held(base, cid, &r);

	return slot == NULL ? r : take_bank(slot, ALL, spare, bank);
}

static void *other_of_two(const struct rk_bank_slot *slot, void *first, void *second)
{
	return bank_of(__atomic_load_n(&slot->bank, __ATOMIC_RELAXED)) == (intptr_t)second ? first : second;
}

int rk_bank_take_of_two(void *base, int cpu, void *first, void *second, void **bank)
{
	const struct rk_bank_slot *slot = slot_of(base, cpu);
	int r = rk_bank_take(base, cpu, slot == NULL ? second : other_of_two(slot, first, second), bank);

	return r == -ESTALE ? -EHOSTUNREACH : r;
}

int rk_bank_swap_of_two(void *base, int cpu, void *first, void *second)
{
	struct rk_bank_slot *slot = slot_of(base, cpu);
	void *bank;

	return take_bank(slot, LATER, other_of_two(slot, first, second), &bank);
}

void *rk_bank_swapped(void *base, int cpu)
{
	void *bank = NULL;

	(void)fence_taken(slot_of(base, cpu), FENCED, &bank);
	return bank;
}

int rk_bank_open(void *base, int cpu, void *bank)
{
	int r;
	struct rk_bank_slot *slot = held(base, cpu, &r);
	intptr_t word;

	if (slot == NULL)
		return r;
	if (!may_be_bank(bank))
		return -EINVAL;
	word = __atomic_load_n(&slot->bank, __ATOMIC_RELAXED);
	do { /* if the slot was never opened, another thread can open it meanwhile */
		if (rk_bank_is_open(word))
			return -EBUSY;
	} while (!__atomic_compare_exchange_n(&slot->bank, &word, (intptr_t)bank, 0, __ATOMIC_RELEASE,
					      __ATOMIC_RELAXED));
	return 0;
}

int rk_bank_done(void *base, int cpu)
{
	int r;
	struct rk_bank_slot *slot = held(base, cpu, &r);
	intptr_t taken;

	if (slot == NULL)
		return r;
	taken = __atomic_load_n(&slot->taken, __ATOMIC_RELAXED);
	if (!(taken & PENDING)) {
		/*
		 * A closed slot still names its bank, so that the bank can be taken. This bank was taken, and must not be
		 * taken a second time.
		 */
		if (taken != 0 && __atomic_load_n(&slot->bank, __ATOMIC_RELAXED) == (taken | RK_BANK_CLOSED))
			__atomic_store_n(&slot->bank, RK_BANK_CLOSED, __ATOMIC_RELEASE);
		__atomic_store_n(&slot->taken, 0, __ATOMIC_RELEASE);
	}
	return rk_claim_release(&slot->claim);
}

int rk_bank_begin_exclusively(void *base, int cpu)
{
	struct rk_bank_slot *slot = rk_cpus_has(rk_cpus_get(), cpu) ? slot_of(base, cpu) : NULL;
	int r = slot == NULL ? -EINVAL : rk_claim_try_exclusively(&slot->claim);

	if (r < 0)
		return r;
	mend_slot(slot);
	return 0;
}

void rk_bank_end_exclusively(void *base, int cpu)
{
	(void)rk_claim_release_exclusively(&slot_of(base, cpu)->claim);
}

bool rk_bank_is_out(const struct rk_bank_slot *slot)
{
	return is_out(__atomic_load_n(&slot->taken, __ATOMIC_RELAXED), __atomic_load_n(&slot->bank, __ATOMIC_RELAXED));
}

int rk_bank_current(struct rk_bank_slot *slot, void **bank)
{
	intptr_t word = __atomic_load_n(&slot->bank, __ATOMIC_ACQUIRE);

	if (is_out(__atomic_load_n(&slot->taken, __ATOMIC_RELAXED), word))
		return -ESTALE;
	*bank = (void *)bank_of(word);
	return word == 0 ? -ENXIO : rk_bank_is_open(word) ? 0 : -ESHUTDOWN;
}

int rk_bank_close(void *base, int cpu)
{
	struct rk_bank_slot *slot = (struct rk_bank_slot *)rk_percpu_slot(base, cpu);
	intptr_t word = __atomic_load_n(&slot->bank, __ATOMIC_RELAXED);
	int r;

	__atomic_store_n(&slot->taken, bank_of(word) | BRIEFLY, __ATOMIC_RELEASE);
	/*
	 * If this thread runs on the slot's CPU, a section closes the slot. When it commits, every other section on that CPU is
	 * finished or aborted, so no fence is needed.
	 */
	if (rk_cpu() == cpu && rk_at_store_if_equal(base, word, word | RK_BANK_CLOSED, cpu) == RK_DONE)
		return 0;
	__atomic_store_n(&slot->bank, word | RK_BANK_CLOSED, __ATOMIC_SEQ_CST);
	r = rk_fence_cpu(cpu);
	if (r < 0)
		rk_bank_reopen(slot, (void *)bank_of(word));
	return r;
}

void rk_bank_reopen(struct rk_bank_slot *slot, void *bank)
{
	__atomic_store_n(&slot->bank, (intptr_t)bank, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->taken, 0, __ATOMIC_RELEASE);
}
