/* SPDX-License-Identifier: MIT */
/*
 * remote.h - work on other CPUs' data: fences, claims, and taking a CPU's bank (bank.h) while its users go on.
 *
 * Above all: a bank stays mapped as long as its slot is in use, also after it was taken: no fence reaches a thread that waits
 * for the page.
 *
 *	if (rk_bank_begin_try(base, cpu) < 0)
 *		return;                                 // another owner is at work on this CPU's slot
 *	if (rk_bank_take(base, cpu, spare, &bank) >= 0)
 *		...                                     // the bank is ours: drain it, read it, keep it as a spare
 *	rk_bank_done(base, cpu);
 *
 * Banks stay mapped as long as the slot is in use: a thread that waits for a bank's page, swapped out, say, is reached by
 * no fence, and dies if the page is gone. Who takes a bank reads and writes it, and keeps it as a spare.
 *
 * Process-private: a fence is one of this process's address space. Memory that processes share can't be taken.
 *
 * fork. A child has only the thread that forked. What other threads had claimed is free in the child, and what they
 * were at is known: rk_bank_begin_try() returns 1, and rk_bank_take() gives the bank that was on its way. So nothing is lost
 * to the child, wherever its parent's threads were. What the forking thread itself had claimed, it holds in the child
 * too, against all threads that the child creates. Where no handlers of fork run (_Fork(), clone), or the kernel can't
 * wipe memory at a fork, those threads don't know which one forked: to them what was claimed stays so, until the one that
 * forked has called a function of claims; behind a bare clone() only if it had done so before, too, for it can't be told
 * from a vfork child.
 *
 * Copies of this library. One copy works on a slot. Two in a process exclude each other, but after a fork each takes the
 * other's claims for held. Writers (lock.h) and waits for readers (rcu.h) have claims, too: what a thread was at by one copy
 * when another thread forked, the other copy waits for in the child. Any copy may read, count, record and write.
 *
 * Sums, waits for readers, and whatever else goes through the CPUs, rely on all copies' knowing the same CPUs: see
 * rk_cpus_count() in percpu.h for when they don't. Then those calls are only for the copy that made the object.
 */
#ifndef RSEQKIT_REMOTE_H
#define RSEQKIT_REMOTE_H

#include <rseqkit/bank.h>

RKI_BEGIN_DECLS

/*
 * Fences. When one returns 0, every critical section that began before the call on the CPUs that it is for, in any
 * thread of this process, has been finished or aborted, and what it stored is seen by the caller. Sections that begin
 * later see what the caller stored before.
 *
 *   rk_fence_cpu(cpu)            one CPU; any possible one, offline too
 *   rk_fence_cpus(set, bytes)    those in a set as sched_setaffinity(2) takes it, one after the other
 *   rk_fence_all()               all CPUs, by one call; the fence for slots by concurrency id
 *
 * The kernel interrupts those CPUs that run a thread of this process at that moment, isolated ones too, and no others.
 * To spare a CPU, leave it out of the set.
 *
 * Where the kernel has no such fence (before 5.10) or a filter refuses it, the calling thread visits the CPUs: it
 * moves to each by its affinity, sees that it arrived, and gets its affinity back. Nothing else of this process runs on
 * a CPU at that moment. An offline CPU needs no visit.
 *
 * Returns 0; -EINVAL for a CPU that isn't possible, or a set that is NULL or has one; -EHOSTUNREACH when there is no
 * fence but by a visit, and this thread may not run on a CPU that isn't known to be offline (a cpuset, a filter, no /sys).
 * Then it may have fenced some of the CPUs.
 * Context: any thread; signal handler, with 4 KiB of stack where CPUs are visited; after fork; vfork child. Where CPUs
 * are visited, a handler that interrupts the visit sees the narrow affinity, and a child forked there keeps it; an
 * affinity that another thread gives this one at that moment may be undone; and CPUs that are offline leave the affinity,
 * where the kernel doesn't keep them (before 6.2).
 * Cost: about 0.2 us where no other CPU runs this process, else some 10 us; a visit takes two migrations, and waits as
 * long as threads of higher priority keep the CPU busy. The first
 * fence of a process that has several threads by then waits for the kernel, some 20 ms; see rk_fence_prepare().
 * Source: membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ; kernel/sched/membarrier.c.
 */
RKI_API int rk_fence_cpu(int cpu);
RKI_API int rk_fence_cpus(const void *set, size_t bytes);
RKI_API int rk_fence_all(void);

/*
 * Registers the process for the kernel's fences, as the first fence does by itself. To be called at the start of a
 * program, while it has one thread: then it costs a microsecond and not a wait. Idempotent; children of fork have it
 * too. Creating closable memory (percpu.h) does it as well. No constructor does, for a program that needs no fence may
 * run under a filter that kills for membarrier(2).
 *
 * Returns 0; -ENOSYS where the kernel has no such fence, so that fences are visits; or what a filter answers.
 * Context: any thread; signal handler; after fork; vfork child, on behalf of its parent.
 */
RKI_API int rk_fence_prepare(void);

/*
 * Claims. A thread that takes a claim holds it until it releases it. Other threads are refused, or wait for at most
 * `nanoseconds`; INT64_MAX is for ever.
 *
 * Returns 0, or 1 when a thread that this process doesn't have held it at a fork: the caller holds it now, and what it
 * protects may be half done. Else:
 *   -EBUSY      (_try, or no time) it is held, by the calling thread perhaps
 *   -ETIMEDOUT  the time is over
 *   -EDEADLK    the calling thread holds it, as in a signal handler that interrupted the holder, and would wait for itself
 *   -EINVAL     nanoseconds is negative, where it would have to wait
 * rk_claim_release(): 0, or -EPERM when the calling thread doesn't hold it.
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation (api.h). A
 * thread that ends while it holds a claim holds it for ever; a bare clone() that shares its creator's TLS is, for a claim,
 * the same thread. Cost: some 20 ns.
 */
RKI_API int rk_claim_take_try(struct rk_claim *claim);
RKI_API int rk_claim_take_for(struct rk_claim *claim, int64_t nanoseconds);
RKI_API int rk_claim_release(struct rk_claim *claim);

/*
 * Begins the work on a CPU's slot: takes its claim. rk_bank_begin_for() waits for at most `nanoseconds`.
 *
 * Parameters: base is the address of slot 0 of closable memory; cpu is a possible CPU, or a concurrency id.
 * Returns as rk_claim_take_for(): with 1 the next rk_bank_take() may give a bank that another thread had taken. Besides,
 * -EINVAL when base is NULL or the number is above that of the last possible CPU.
 * Context and cost: as rk_claim_take_try().
 */
RKI_API int rk_bank_begin_try(void *base, int cpu);
RKI_API int rk_bank_begin_for(void *base, int cpu, int64_t nanoseconds);

/*
 * Takes the bank of a CPU's slot. Users of the slot go on with `spare`; with NULL for a spare the slot is closed, and
 * they take their overflow way.
 *
 * Returns 0, and the bank that was there in *bank, the caller's alone: NULL where the slot was never opened.
 * Returns 1, and in *bank one that was taken before and not done with: by a thread that this process doesn't have, by a
 * call whose fence failed, or by the caller. `spare` was not used, and may even be that bank; call again for the bank that
 * is there now, after rk_bank_done() and rk_bank_begin_try().
 * Returns the negative errno of rk_fence_cpu(): then users go on with `spare` already (or the slot is closed already),
 * but the old bank may still be in use, and is nobody's until another call succeeds; rk_bank_done() keeps it so.
 * Returns -ESTALE when that was so before, and the fence failed again: nothing has changed, and `spare` is the caller's.
 * Returns -EPERM when the calling thread doesn't hold the slot's claim, as in a handler that interrupted its own vector
 * (vector.h); -EINVAL when the CPU isn't possible, spare isn't aligned to 4 bytes or is the bank that is there, or bank is
 * NULL. A handler calls this only behind an rk_bank_begin_try() of its own.
 * Context: as rk_claim_take_try(). Cost: a fence.
 */
RKI_API int rk_bank_take(void *base, int cpu, void *spare, void **bank);

/*
 * The same for slots by concurrency id, which is in `cid`: a thread that has the id may be on any CPU, so all are fenced.
 */
RKI_API int rk_bank_take_cid(void *base, int cid, void *spare, void **bank);

/*
 * Opens a closed slot with a bank: the one that was taken, or another; or one that was never opened.
 *
 * Returns 0; -EBUSY when it is open, by somebody else's rk_bank_open_first() perhaps; -EPERM when the calling thread
 * doesn't hold the slot's claim; -EINVAL.
 * Context: as rk_claim_take_try(). Cost: an atomic instruction.
 */
RKI_API int rk_bank_open(void *base, int cpu, void *bank);

/*
 * Ends the work: the bank that was taken is done with, and the claim is released. A closed slot stays closed, and has no
 * bank any more if that was taken: who takes it next gets NULL.
 *
 * Returns 0; -EPERM when the calling thread doesn't hold the slot's claim; -EINVAL.
 * Context and cost: as rk_claim_take_try().
 */
RKI_API int rk_bank_done(void *base, int cpu);

RKI_END_DECLS

#endif /* RSEQKIT_REMOTE_H */
