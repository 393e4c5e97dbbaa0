/* SPDX-License-Identifier: MIT */
/*
 * remote.h - work on other CPUs' data: fences, claims, and taking a CPU's bank (bank.h) while its users continue.
 *
 * Above all: a bank stays mapped as long as its slot is in use, also after it was taken. No fence reaches a thread that waits for
 * a page of the bank, for example one that was swapped out. If the page is gone, the kernel kills the process. So the owner of a
 * bank that was taken reads and writes it, and keeps it as a spare.
 *
 *	if (rk_bank_begin_try(base, cpu) < 0)
 *		return;                                 // another owner is at work on this CPU's slot
 *	if (rk_bank_take(base, cpu, spare, &bank) >= 0)
 *		...                                     // the bank is ours: drain it, read it, keep it as a spare
 *	rk_bank_done(base, cpu);
 *
 * Private to a process: a fence covers the address space of this process. Memory that processes share can't be taken.
 *
 * fork. A child has only the thread that forked. Claims of its parent's other threads are free in the child. The child can also
 * complete their work: rk_bank_begin_try() returns 1, and rk_bank_take() gives the bank that was being taken. So the child loses
 * nothing, wherever its parent's threads were. The thread that forked holds its own claims in the child too, against all threads
 * that the child creates.
 *
 * A handler of fork tells the child's new threads which thread forked. If no handlers run (_Fork(), clone), the parent's claims
 * stay held for the new threads, until the thread that forked has called a function of claims. After a bare clone() that thread
 * must also have called one before it; otherwise the library takes the thread for a vfork child. If the kernel can't wipe memory
 * at a fork (before 4.14), claims of the parent's other threads stay held in the child for ever.
 *
 * Copies of this library. Only one copy may work on a slot. Two copies in a process exclude each other, but after a fork each
 * takes the other's claims for held. Writers (lock.h) and waits for readers (rcu.h) use claims, too. Suppose that a thread is in
 * such a call of one copy while another thread forks. Then the other copy waits for that call in the child. Any copy may be used
 * to read, count, record and write.
 *
 * Sums, waits for readers, and other calls that go through the CPUs rely on one set of CPUs in all copies. rk_cpus_count() in
 * percpu.h says when copies have different sets. Then only the copy that made the object may make such calls.
 */
#ifndef RSEQKIT_REMOTE_H
#define RSEQKIT_REMOTE_H

#include <rseqkit/bank.h>

RKI_BEGIN_DECLS

/*
 * Fences. A fence is for one CPU or several. When it returns 0, each critical section that began there before the call has
 * finished or aborted, in all threads of this process. The caller sees what these sections stored. Sections that begin later see
 * what the caller stored before.
 *
 *   rk_fence_cpu(cpu)            one CPU; any possible one, offline too
 *   rk_fence_cpus(set, bytes)    the CPUs of a set as sched_setaffinity(2) takes it, one after the other
 *   rk_fence_all()               all CPUs, by one call; the fence for slots by concurrency id
 *
 * The kernel interrupts only CPUs that run a thread of this process at that moment, isolated CPUs too. To spare a CPU, leave it
 * out of the set.
 *
 * If the kernel has no such fence (before 5.10), or a filter refuses it, the calling thread visits the CPUs. It moves to each CPU
 * by its affinity, checks that it arrived, and restores its affinity. No other thread of this process runs on that CPU at that
 * moment. An offline CPU needs no visit.
 *
 * Returns
 *   0               done
 *   -EINVAL         a CPU isn't possible; or the set is NULL, or has such a CPU
 *   -EHOSTUNREACH   a fence needs visits, and this thread can't visit a CPU that isn't known to be offline (a cpuset, a filter,
 *                   no /sys). Some of the CPUs may have been fenced
 * Context: any thread; signal handler, with 4 KiB of stack where CPUs are visited; after fork; vfork child. A visit has these
 * effects:
 *   - A handler that interrupts the visit sees the narrow affinity. A child that is forked there keeps it.
 *   - If another thread changes this thread's affinity at that moment, the visit may undo the change.
 *   - If the kernel doesn't keep offline CPUs in an affinity (before 6.2), they leave it.
 * Cost: about 0.2 us if no other CPU runs this process, otherwise some 10 us. A visit takes two migrations. It waits as long as
 * threads of higher priority keep the CPU busy. If the process already has several threads, its first fence waits for the
 * kernel, some 20 ms; see rk_fence_prepare().
 * Source: membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ; kernel/sched/membarrier.c.
 */
RKI_API int rk_fence_cpu(int cpu);
RKI_API int rk_fence_cpus(const void *set, size_t bytes);
RKI_API int rk_fence_all(void);

/*
 * Registers the process for the kernel's fences, as the first fence does by itself. Call it at the start of a program, while
 * there is one thread: then it costs a microsecond and doesn't wait. Idempotent. Children of fork are registered too.
 *
 * Creating closable memory (percpu.h) also registers the process. No constructor does, because a program that needs no fence may
 * run under a filter that kills for membarrier(2).
 *
 * Returns 0; -ENOSYS if the kernel has no such fence, so that fences are visits; or a filter's errno.
 * Context: any thread; signal handler; after fork; vfork child, on behalf of its parent.
 */
RKI_API int rk_fence_prepare(void);

/*
 * Claims. A thread that takes a claim holds it until it releases it. Other threads are refused, or wait for at most
 * `nanoseconds`; INT64_MAX is for ever.
 *
 * Returns 0 or 1 if the caller holds the claim now. With 1 the previous holder was a thread that this process was forked without,
 * so the data that the claim protects may be half done. Otherwise returns
 *   -EBUSY      (_try, or no time) the claim is held, perhaps by the calling thread
 *   -ETIMEDOUT  the time is over
 *   -EDEADLK    the calling thread holds it, as in a signal handler that interrupted the holder, and would wait for itself
 *   -EINVAL     nanoseconds is negative, and the call would have to wait
 * rk_claim_release() returns 0, or -EPERM if the calling thread doesn't hold the claim.
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation (api.h). A
 * thread that ends while it holds a claim holds it for ever. A claim takes a thread of a bare clone() that shares its creator's
 * TLS for its creator. Cost: some 20 ns.
 */
RKI_API int rk_claim_take_try(struct rk_claim *claim);
RKI_API int rk_claim_take_for(struct rk_claim *claim, int64_t nanoseconds);
RKI_API int rk_claim_release(struct rk_claim *claim);

/*
 * Begins the work on a CPU's slot: takes its claim. rk_bank_begin_for() waits for at most `nanoseconds`.
 *
 * Parameters: base is the address of slot 0 of closable memory; cpu is a possible CPU, or a concurrency id.
 * Returns as rk_claim_take_for(). After 1 the next rk_bank_take() may give a bank that another thread had taken. Also returns
 * -EINVAL if base is NULL, or if the number is negative or above that of the last possible CPU.
 * Context and cost: as rk_claim_take_try().
 */
RKI_API int rk_bank_begin_try(void *base, int cpu);
RKI_API int rk_bank_begin_for(void *base, int cpu, int64_t nanoseconds);

/*
 * Takes the bank of a CPU's slot. Users of the slot continue with `spare`. If `spare` is NULL, the slot is closed, and they take
 * their overflow way.
 *
 * Returns 0, and in *bank the bank that was there. It belongs to the caller alone. *bank is NULL if the slot had no bank: it was
 * never opened, or it is closed and its bank was taken.
 *
 * Returns 1, and in *bank a bank that was taken before and isn't done with. It was taken by a thread that this process lacks, by
 * a call whose fence failed, or by the caller. `spare` was not used, and may even be that bank. To take the bank that is there
 * now, call this again after rk_bank_done() and rk_bank_begin_try().
 *
 * Returns the negative errno of rk_fence_cpu() if the fence failed. Users continue with `spare` already, or the slot is closed
 * already. But the old bank may still be in use. No thread owns it until another call succeeds, and rk_bank_done() keeps it so.
 *
 * Also returns
 *   -ESTALE     a fence had failed before, and failed again now; nothing has changed, and `spare` is the caller's
 *   -EPERM      the calling thread doesn't hold the slot's claim, as in a handler that interrupted its own vector (vector.h)
 *   -EINVAL     base or bank is NULL; the CPU isn't possible; spare isn't aligned to 4 bytes, or is the bank that is there
 * A handler calls this only after an rk_bank_begin_try() of its own.
 * Context: as rk_claim_take_try(). Cost: a fence.
 */
RKI_API int rk_bank_take(void *base, int cpu, void *spare, void **bank);

/*
 * Does the same for slots by concurrency id, which is in `cid`. It fences all CPUs, because a thread with that id may be on any
 * CPU.
 */
RKI_API int rk_bank_take_cid(void *base, int cid, void *spare, void **bank);

/*
 * Opens a slot that is closed or was never opened, with `bank`: the bank that was taken, or another one.
 *
 * Returns 0, or
 *   -EBUSY      the slot is open, perhaps by another thread's rk_bank_open_first()
 *   -EPERM      the calling thread doesn't hold the slot's claim
 *   -EINVAL     as rk_bank_begin_try(); or bank is NULL, or not aligned to 4 bytes
 * Context: as rk_claim_take_try(). Cost: an atomic instruction.
 */
RKI_API int rk_bank_open(void *base, int cpu, void *bank);

/*
 * Ends the work: the bank that was taken is done with, and the claim is released. A closed slot stays closed. If its bank was
 * taken, the slot has no bank any more, and the next rk_bank_take() gives NULL.
 *
 * Returns 0; -EPERM if the calling thread doesn't hold the slot's claim; -EINVAL as rk_bank_begin_try().
 * Context and cost: as rk_claim_take_try().
 */
RKI_API int rk_bank_done(void *base, int cpu);

RKI_END_DECLS

#endif /* RSEQKIT_REMOTE_H */
