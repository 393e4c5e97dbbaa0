/* SPDX-License-Identifier: MIT */
/*
 * lock.h - locks per CPU: lock.c makes them, lock_take.c takes and releases them.
 *
 * An item of per-CPU memory has in each slot what rki_lock_slot says, and the data behind it. A slot is held in one of two
 * ways. A section finds both `held` and `closed` 0, and stores who holds it: that takes turns on that CPU, wherever the holder
 * is then, and is undone by a plain store. Or somebody closes it: claims it, which takes turns among those, sets CLOSED, fences
 * that CPU, and waits until `held` is 0. From the fence on no section takes it. Who has got it sets OWNED. The overflow slot,
 * which no section ever works on, is held by its claim alone.
 *
 * fork. A child has all of this as it was. `held` and the claim are numbers of threads, which tell who isn't there
 * (thread/holder.h). Whoever finds such a one closes the slot, as from elsewhere, and marks it HALF_DONE if that one had got it.
 * That stays, and keeps sections out, until somebody has it, who is told.
 *
 * Why not otherwise:
 *   one word, exchanged from elsewhere             a section that had found it free stores over what was exchanged
 *   a test of the CPU's number, and a mutex each   right, and an atomic instruction each way: bench compares with it
 *   a barrier between unlocking and looking        as slow as an atomic instruction: who waits fences instead
 *   one futex for all who wait                     the one that is woken can't have it yet, and the one that could sleeps on
 *   a woken thread goes elsewhere, tells nobody    the others sleep, and the lock is free
 *   the thread pointer for who holds it            it is used again: in a child's child nobody knows whose it was
 *   words that a child has as zeros                a child would forget what its thread holds, and what was half done
 *   a gate, closed in a child                      until it is known who forked nobody gets anything; and who held what is lost
 *                                                  where no handlers of fork run
 * So the holder is the number of a thread (thread/number.c), which sections find at rki_number_offset from the thread pointer.
 * Numbers are never used again.
 */
#ifndef RK_SRC_LOCK_H
#define RK_SRC_LOCK_H

#include <rseqkit/lock.h>
#include <rseqkit/percpu.h>

/* Of `closed`, which only the claim's holder changes. */
#define RK_LOCK_CLOSED 1    /* somebody wants it from elsewhere */
#define RK_LOCK_OWNED 2     /* and has got it */
#define RK_LOCK_HALF_DONE 4 /* a fork met it while it was held */
#define RK_LOCK_UNFENCED 8  /* no section may ever take it: there was no fence when it was made */

static inline struct rki_lock_slot *rk_lock_slot(const struct rk_lock *lock, int index)
{
	return (struct rki_lock_slot *)rk_percpu_slot(lock, index);
}

#endif /* RK_SRC_LOCK_H */
