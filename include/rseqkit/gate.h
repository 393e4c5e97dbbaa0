/* SPDX-License-Identifier: MIT */
/*
 * gate.h - a word that all CPUs share. The word names the item that operations work on. While the word is 0, operations do
 * nothing.
 *
 *     gate                     slot of CPU 0     slot of CPU 1
 *     +------+                 +-----------+     +-----------+
 *     |   ---|---------------> | item      |     | item      |
 *     +------+                 +-----------+     +-----------+
 *       0: closed              | another   |     | another   |
 *                              +-----------+     +-----------+
 *
 * A gate is a word. While the gate is open, the word is the address of slot 0 of an item. The item is per-CPU memory of
 * percpu.h, or memory with the same layout. While the gate is closed, the word is 0. Operations load the gate in their section,
 * and never store to the gate. To redirect all CPUs, a thread stores another address, or 0, into the gate, and then fences all
 * CPUs (rk_fence_all(), remote.h). After the fence no operation works on the item that the gate named before, and the thread
 * sees all that operations stored in that item.
 *
 * A bank (bank.h) redirects one CPU, and doesn't affect other CPUs. A gate also keeps the order of operations. Suppose that one
 * operation happened before another, on the same CPU or on different CPUs. Then the first operation loaded the same value of
 * the gate as the second, or an older value. The reason is that ordered loads of one word never see an older value after a
 * newer value.
 *
 * Common to both operations:
 *   Parameters: `gate` is the address of the word. The caller must keep the item mapped as long as a thread can be using the
 *   item.
 *   Returns: an outcome of enum rk_result. If the gate is 0, the outcome is RK_CLOSED, and nothing was done.
 *   Context, cost and memory order: as ops.h says. An operation also takes a load of the gate, which all CPUs can have in their
 *   caches.
 */
#ifndef RSEQKIT_GATE_H
#define RSEQKIT_GATE_H

#include <rseqkit/slot.h>

RKI_BEGIN_DECLS

/* Adds `value` to the word at offset `where` (bytes) in the slot of the CPU that the operation runs on. The sum wraps. */
RKI_INLINE enum rk_result rk_gate_add(const intptr_t *gate, ptrdiff_t where, intptr_t value);

/*
 * Adds 1 to the first word of the slot of the CPU that the operation runs on. *item becomes the address that the gate held. The
 * caller later subtracts this 1 from the same item, by rk_cpu_add() on any CPU. If nothing was added, *item becomes NULL.
 */
RKI_INLINE enum rk_result rk_gate_enter(const intptr_t *gate, void **item);

RKI_END_DECLS

#include <rseqkit/detail/gate.h>

#endif /* RSEQKIT_GATE_H */
