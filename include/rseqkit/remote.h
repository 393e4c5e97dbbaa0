/* SPDX-License-Identifier: MIT */
/*
 * remote.h - work on other CPUs' data: fences, claims, and taking a CPU's bank (bank.h) while the CPU's users continue.
 *
 * Above all: keep each bank mapped as long as its slot is in use, even after the bank was taken. Suppose that a section waits
 * for a page of the bank, for example because the page was swapped out. A fence doesn't reach that section. If the page is
 * unmapped meanwhile, the kernel kills the process. The owner of a taken bank may therefore read and write the bank, but must
 * not free it. The owner keeps the bank as a spare.
 *
 *	if (rk_bank_begin_try(base, cpu) < 0)
 *		return;                                 // another thread holds the claim of this CPU's slot
 *	if (rk_bank_take(base, cpu, spare, &bank) >= 0)
 *		...                                     // the bank is ours: drain it, read it, keep it as a spare
 *	rk_bank_done(base, cpu);
 *
 * A fence covers only the address space of the calling process, so don't take banks in memory that processes share. Claims
 * don't work in such memory either. A claim has the number of its holder's thread, and each process numbers its own threads.
 * Threads of two processes can therefore have the same number, and each of them would take the claim for its own.
 *
 * fork. The following holds if the kernel can wipe memory at a fork (4.14 and later). On older kernels, claims of the parent's
 * other threads stay held in the child for ever, with or without fork handlers.
 *
 * A child has only the thread that forked. In the child, claims of the parent's other threads are free. The child can also
 * complete the work of those threads: rk_bank_begin_try() returns 1, and rk_bank_take() gives the bank that was being taken.
 * The child therefore loses nothing, wherever the parent's threads were. The thread that forked keeps its own claims in the
 * child, and these claims exclude all threads that the child creates.
 *
 * A fork handler of the library records in the child which thread forked. If no handlers run (_Fork(), clone), the new threads
 * of the child treat the parent's claims as held. These claims become free for the new threads when the thread that forked has
 * called a function of claims in the child. If a bare clone() made the child, the thread that forked must also have called a
 * function of claims before the clone(). Otherwise the library treats the thread that forked as a vfork child.
 *
 * Copies of this library. Work on a slot with only one copy. Claims that two copies take in one process exclude each other. But
 * in a child of fork, each copy treats the other copy's claims as held. Functions that lock for writing (lock.h) or wait for
 * readers (rcu.h) use claims, too. Suppose that a thread is in such a function of one copy while another thread forks. In the
 * child, such a function of the other copy then waits for the claims that the thread held. Functions without claims work with
 * every copy: they read under rcu.h, add to counters, record in histograms, and write to rings.
 *
 * Sums, waits for readers, and other calls that visit the slots of all CPUs need the same set of possible CPUs in all copies.
 * The comment of rk_cpus_count() in percpu.h says in which cases copies have different sets. In these cases make such calls only
 * with the copy that made the object.
 */
#ifndef RSEQKIT_REMOTE_H
#define RSEQKIT_REMOTE_H

#include <rseqkit/bank.h>

RKI_BEGIN_DECLS

/*
 * Fences. A fence is for one CPU or several. When it returns 0, the process's critical sections that began on these CPUs before
 * the call have all finished or aborted. The caller sees what these sections stored. Sections that begin later see what the
 * caller stored before the call.
 *
 *   rk_fence_cpu(cpu)            one CPU; each possible CPU is allowed, even if offline
 *   rk_fence_cpus(set, bytes)    the CPUs of a set in the format of sched_setaffinity(2), one after the other
 *   rk_fence_all()               all CPUs, by one system call; use this fence if slots are used by concurrency id
 *
 * The kernel interrupts only the CPUs that run a thread of this process during the fence. It interrupts isolated CPUs too. To
 * avoid an interrupt of a CPU, use rk_fence_cpus() with a set that doesn't have this CPU.
 *
 * If the kernel has no such fence (before 5.10), or a filter refuses it, the calling thread visits the CPUs. The thread moves to
 * each CPU by changing its own affinity, checks that it arrived, and restores its affinity. While the thread runs on a CPU, no
 * other thread runs there, so a section that was running there was aborted. An offline CPU needs no visit.
 *
 * Returns
 *   0               done
 *   -EINVAL         a CPU isn't possible; or the set is NULL, or has a CPU that isn't possible
 *   -EHOSTUNREACH   the fence needs a visit to a CPU that isn't known to be offline, and this thread can't make the visit
 *                   (because of a cpuset, a filter, or a missing /sys). Some of the CPUs may have been fenced
 * Context: any thread; signal handler, with 4 KiB of stack if CPUs are visited; after fork; vfork child. A visit has these
 * effects:
 *   - A signal handler that interrupts the visit sees the affinity of the visit. If the handler forks, the child keeps this
 *     affinity.
 *   - If another thread changes this thread's affinity during the visit, the visit can undo the change.
 *   - If the kernel is older than 6.2, offline CPUs are missing from the affinity after the visit.
 * Cost: about 0.2 us if no other CPU runs this process, otherwise about 10 us. A visit takes two migrations. A visit waits as
 * long as threads of higher priority keep the CPU busy. If the process already has several threads, its first fence waits about
 * 20 ms for the kernel; see rk_fence_prepare().
 * Source: membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ; kernel/sched/membarrier.c.
 */
RKI_API int rk_fence_cpu(int cpu);
RKI_API int rk_fence_cpus(const void *set, size_t bytes);
RKI_API int rk_fence_all(void);

/*
 * Registers the process for the kernel's fences. Without this call the first fence registers the process. Call this function at
 * the start of a program, while the process has one thread. Then the call costs a microsecond and doesn't wait. Idempotent.
 * Children of fork are registered too.
 *
 * Creating closable memory (percpu.h) also registers the process. No constructor of the library registers it, because a program
 * that needs no fence can run under a filter that kills the process at membarrier(2).
 *
 * Returns 0; -ENOSYS if the kernel has no such fence, so that fences visit the CPUs; or a filter's errno.
 * Context: any thread; signal handler; after fork; vfork child, on behalf of its parent.
 */
RKI_API int rk_fence_prepare(void);

/*
 * Claims. A thread that takes a claim holds the claim until the thread releases it. Meanwhile other threads get an error, or
 * wait for at most `nanoseconds`; INT64_MAX means for ever.
 *
 * Returns 0 or 1 if the caller holds the claim now. The value 1 means that the previous holder was a thread of the parent
 * process, which this process doesn't have. Then a change of the data that the claim protects can be half done. Otherwise
 * returns
 *   -EBUSY      (_try, or nanoseconds is 0) the claim is held, by the calling thread or another one
 *   -ETIMEDOUT  the time passed, and the claim is still held
 *   -EDEADLK    the calling thread holds the claim already, and would wait for itself; for example in a signal handler that
 *               interrupted the holder
 *   -EINVAL     nanoseconds is negative, and the call would have to wait
 * rk_claim_release() returns 0, or -EPERM if the calling thread doesn't hold the claim.
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation (api.h). Release a
 * claim before the thread that holds the claim ends. Otherwise the claim stays held for ever. If a thread of a bare clone()
 * shares its creator's TLS, claims treat this thread and its creator as one thread. Cost: about 20 ns.
 */
RKI_API int rk_claim_take_try(struct rk_claim *claim);
RKI_API int rk_claim_take_for(struct rk_claim *claim, int64_t nanoseconds);
RKI_API int rk_claim_release(struct rk_claim *claim);

/*
 * Begins the work on a CPU's slot: takes the slot's claim. rk_bank_begin_for() waits for at most `nanoseconds`.
 *
 * Parameters: `base` is the address of slot 0 of closable memory; `cpu` is a possible CPU, or a concurrency id.
 * Returns as rk_claim_take_for(). If the value is 1, the next rk_bank_take() can give a bank that another thread had taken.
 * Also returns -EINVAL if base is NULL, or if `cpu` is negative or higher than the highest possible CPU.
 * Context and cost: as rk_claim_take_try().
 */
RKI_API int rk_bank_begin_try(void *base, int cpu);
RKI_API int rk_bank_begin_for(void *base, int cpu, int64_t nanoseconds);

/*
 * Takes the bank of a CPU's slot. Users of the slot continue with `spare`. If `spare` is NULL, the function closes the slot, and
 * users take their fallback.
 *
 * Returns 0, and in *bank the slot's old bank, which then belongs to the caller alone. *bank is NULL if the slot had no bank. A
 * slot has no bank if it was never opened, or if it is closed and its bank was taken.
 *
 * Returns 1, and in *bank a bank that was taken before without a later rk_bank_done(). That bank was taken by a thread of the
 * parent process, by a call whose fence failed, or by the caller. `spare` was not used, and can be the same bank. To take the
 * slot's present bank, call rk_bank_done() and rk_bank_begin_try(), and then this function again.
 *
 * Returns the negative errno of rk_fence_cpu() if the fence failed. By then users continue with `spare`, or the slot is closed.
 * But the old bank can still be in use. No thread owns the old bank until another call of this function succeeds.
 * rk_bank_done() doesn't change this.
 *
 * Also returns
 *   -ESTALE     an earlier call's fence failed, and this call's fence failed too; nothing has changed, and `spare` still belongs
 *               to the caller
 *   -EPERM      the calling thread doesn't hold the slot's claim; for example in a signal handler that interrupted a vector of
 *               this thread (vector.h)
 *   -EINVAL     base or bank is NULL; the CPU isn't possible; spare isn't aligned to 4 bytes, or is the slot's present bank
 * In a signal handler, call this function only after an rk_bank_begin_try() in the same handler.
 * Context: as rk_claim_take_try(). Cost: a fence.
 */
RKI_API int rk_bank_take(void *base, int cpu, void *spare, void **bank);

/*
 * Does the same as rk_bank_take(), for the slot of the concurrency id `cid`. The function fences all CPUs, because a thread
 * with this id may be on any CPU. Cost: a fence of all CPUs.
 */
RKI_API int rk_bank_take_cid(void *base, int cid, void *spare, void **bank);

/*
 * Opens a slot that is closed or was never opened. `bank` becomes the slot's bank. You can pass the bank that was taken, or
 * another bank.
 *
 * Returns 0, or
 *   -EBUSY      the slot is already open; another thread's rk_bank_open_first() can have opened it
 *   -EPERM      the calling thread doesn't hold the slot's claim
 *   -EINVAL     as for rk_bank_begin_try(); or bank is NULL, or isn't aligned to 4 bytes
 * Context: as rk_claim_take_try(). Cost: one atomic instruction.
 */
RKI_API int rk_bank_open(void *base, int cpu, void *bank);

/*
 * Ends the work on a slot. The library releases the claim. If the fence of the taken bank succeeded, the library also forgets
 * this bank. A closed slot stays closed. If the closed slot's bank was taken, the slot now has no bank, and the next
 * rk_bank_take() gives NULL.
 *
 * Returns 0; -EPERM if the calling thread doesn't hold the slot's claim; -EINVAL as rk_bank_begin_try().
 * Context and cost: as rk_claim_take_try().
 */
RKI_API int rk_bank_done(void *base, int cpu);

RKI_END_DECLS

#endif /* RSEQKIT_REMOTE_H */
