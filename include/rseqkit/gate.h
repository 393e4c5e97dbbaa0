/* SPDX-License-Identifier: MIT */
/*
 * gate.h - a word that all CPUs share: it names the item that operations work on, or says that there is none.
 *
 *     gate                     slot of CPU 0     slot of CPU 1
 *     +------+                 +-----------+     +-----------+
 *     |   ---|---------------> | item      |     | item      |
 *     +------+                 +-----------+     +-----------+
 *       0: closed              | another   |     | another   |
 *                              +-----------+     +-----------+
 *
 * A gate is the address of slot 0 of an item of per-CPU memory (percpu.h, or laid out like it), or 0 while it is closed.
 * Operations load the gate in their section, and never store to it. To redirect all CPUs, a thread stores another address, or 0,
 * and then fences all CPUs (rk_fence_all(), remote.h). From then on no operation works on the item that the gate named before,
 * and the thread sees all that operations stored there.
 *
 * A bank (bank.h) does the same for one CPU, and leaves the other CPUs alone. A gate also keeps the order of operations: if one
 * happened before another, on whichever CPUs, it loaded the same value of the gate or an older one. The reason is that ordered
 * loads of one word never see an older value after a newer one.
 *
 * Common to both operations:
 *   Parameters: gate is the address of the word. The memory that it names stays mapped as long as a thread may still use it.
 *   Returns: an outcome of enum rk_result; RK_CLOSED if the gate is 0, and then nothing was done.
 *   Context, cost and memory order: as ops.h says, and a load of a word that all CPUs have in their caches.
 */
#ifndef RSEQKIT_GATE_H
#define RSEQKIT_GATE_H

#include <rseqkit/ops.h>

RKI_BEGIN_DECLS

/* Adds `value`, wrapping, to the word `where` bytes into the slot of the CPU that the operation runs on. */
RKI_INLINE enum rk_result rk_gate_add(const intptr_t *gate, ptrdiff_t where, intptr_t value);

/*
 * Adds 1 to the first word of the slot of the CPU that the operation runs on. *item becomes the address that the gate named: the
 * caller subtracts the 1 there again, by rk_cpu_add() on any CPU. If nothing was added, *item becomes NULL.
 */
RKI_INLINE enum rk_result rk_gate_enter(const intptr_t *gate, void **item);

RKI_END_DECLS

#include <rseqkit/detail/gate.h>

#endif /* RSEQKIT_GATE_H */
