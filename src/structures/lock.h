/* SPDX-License-Identifier: MIT */
/*
 * lock.h - per-CPU locks: lock.c creates them, lock_take.c takes and releases them.
 *
 * Each slot of an item of per-CPU memory has a struct rki_lock_slot, followed by the data. There are two ways to take a slot:
 *   - On its CPU, by a section. It finds both `held` and `closed` 0, and stores the holder's number in `held`. This excludes the
 *     sections of other threads, wherever the holder runs later. A plain store releases the slot.
 *   - As a remote owner. The thread takes the claim, which excludes other remote owners. Then it sets CLOSED, fences the CPU, and
 *     waits until `held` is 0. From the fence on, no section takes the slot. Finally the thread sets OWNED.
 * Sections never work on the overflow slot, so its claim alone protects it.
 *
 * fork. A child has all of this as it was. `held` and the claim are thread numbers, which tell whether the holder is elsewhere
 * (thread/holder.h). A thread that finds such a holder closes the slot like a remote owner. It sets HALF_DONE if that holder had
 * the lock. HALF_DONE stays, and keeps sections out, until a thread takes the lock and gets the result 1.
 *
 * Why not otherwise:
 *   one word, which remote owners exchange         a section that had found it free stores over what was exchanged
 *   a test of the CPU's number, and a mutex each   right, and an atomic instruction each way: bench compares with it
 *   a barrier between unlocking and looking        as slow as an atomic instruction: the waiter fences instead
 *   one futex for all waiters                      the woken one can't take the slot yet, and the one that could sleeps on
 *   a woken thread leaves and wakes none           the others sleep, and the lock is free
 *   the thread pointer as the holder               it is used again: in a child's child it may be another thread's
 *   words that a child has as zeros                a child would forget what its thread holds, and what was half done
 *   a gate, closed in a child                      it stays closed until the forking thread is known; and holders are forgotten
 *                                                  where no handlers of fork run
 * So the holder is the number of a thread (thread/number.c), which sections find at rki_number_offset from the thread pointer.
 * Numbers are never used again.
 */
#ifndef RK_SRC_LOCK_H
#define RK_SRC_LOCK_H

#include <rseqkit/lock.h>
#include <rseqkit/percpu.h>

/* Bits of `closed`, which only the claim's holder changes. */
#define RK_LOCK_CLOSED 1    /* a remote owner wants it */
#define RK_LOCK_OWNED 2     /* a remote owner has it */
#define RK_LOCK_HALF_DONE 4 /* a fork met it while it was held */
#define RK_LOCK_UNFENCED 8  /* no section may ever take it: there was no fence when it was created */

static inline struct rki_lock_slot *rk_lock_slot(const struct rk_lock *lock, int index)
{
	return (struct rki_lock_slot *)rk_percpu_slot(lock, index);
}

#endif /* RK_SRC_LOCK_H */
