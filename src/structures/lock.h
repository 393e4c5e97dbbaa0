/* SPDX-License-Identifier: MIT */
/*
 * lock.h - per-CPU locks: lock.c creates them, lock_take.c takes and releases them.
 *
 * Each slot of an item of per-CPU memory has a struct rki_lock_slot, followed by the data. There are two ways to take the
 * lock of a slot:
 *   - On the slot's CPU, by a section. If the section finds `held` and `closed` 0, it stores the thread's number in `held`.
 *     Until the release this number excludes the sections of other threads, even if the holder migrates to another CPU. A plain
 *     store releases the slot.
 *   - From any CPU, as a remote owner. The thread takes the slot's claim (rseqkit/remote.h), which excludes other remote
 *     owners. Then it sets CLOSED, fences the CPU, and waits until `held` is 0. From the fence on, no section takes the slot.
 *     Finally the thread sets OWNED.
 * Threads without rseq use the overflow slot. Sections never work on it, so the claim alone protects it.
 *
 * A forked child inherits the slots unchanged. `held` and the claim contain thread numbers, which show whether the holder is
 * elsewhere: a thread that fork didn't copy (thread/holder.h). A thread that finds such a holder closes the slot like a
 * remote owner. If that holder had taken the lock (its number is in `held`, or OWNED is set), the thread sets HALF_DONE. If it
 * had only the claim, and still waited, the data is whole. HALF_DONE stays, and keeps sections out, until a thread takes the
 * lock with the result 1.
 *
 * Rejected designs:
 *   one word, which a remote owner exchanges       a section that had found the word free overwrites the remote owner's value
 *   a mutex for each CPU, and a test of the CPU    correct, but lock and unlock each take an atomic instruction (bench/METHOD.md)
 *   a barrier in the unlock, between its store     takes as long as an atomic instruction; instead the waiter fences
 *   and the check for waiters
 *   one futex for all waiters                      the woken waiter may be unable to take the slot, and another waiter, which
 *                                                  could take it, sleeps on
 *   a woken thread that gives up wakes no other    other threads sleep although the lock is free
 *   the thread pointer identifies the holder       in a grandchild, a new thread can have the same thread pointer
 *   the words are zero in a child                  the child wouldn't know which locks its thread holds, and which data is half
 *                                                  done
 *   a gate that is closed in a child               no section can take the lock until the child knows the number of the thread
 *                                                  that forked; and if no fork handlers run, the child doesn't know the
 *                                                  holders
 * A holder is therefore identified by its thread number (thread/number.c). Sections find this number at rki_number_offset from
 * the thread pointer (lock_take.c). No two threads ever have the same number.
 */
#ifndef RK_SRC_LOCK_H
#define RK_SRC_LOCK_H

#include <rseqkit/lock.h>
#include <rseqkit/percpu.h>

/* Bits of `closed`, which only the claim's holder changes. */
#define RK_LOCK_CLOSED 1    /* a remote owner wants the slot */
#define RK_LOCK_OWNED 2     /* a remote owner has the slot */
#define RK_LOCK_HALF_DONE 4 /* the process was forked while another thread had the slot */
#define RK_LOCK_UNFENCED 8  /* sections never take the slot: no fence was available when the lock was created */

static inline struct rki_lock_slot *rk_lock_slot(const struct rk_lock *lock, int index)
{
	return (struct rki_lock_slot *)rk_percpu_slot(lock, index);
}

/*
 * Stores in rki_number_offset where inlined code finds a thread's number. Call this function only if this copy's thread block
 * (thread/area.h) is in static TLS. Async-signal-safe.
 */
void rk_lock_publish_number(void);

#endif /* RK_SRC_LOCK_H */
