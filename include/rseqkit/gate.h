/* SPDX-License-Identifier: MIT */
/*
 * gate.h - a shared word that says, for all CPUs at once, where they work: in which item, or in none.
 *
 *     gate                     slot of CPU 0     slot of CPU 1
 *     +------+                 +-----------+     +-----------+
 *     |   ---|---------------> | item      |     | item      |
 *     +------+                 +-----------+     +-----------+
 *       0: closed              | another   |     | another   |
 *                              +-----------+     +-----------+
 *
 * A gate is the address of slot 0 of an item of per-CPU memory (percpu.h, or laid out like it), or 0 while it is closed.
 * Operations load it in their section, and never store to it. Whoever stores another address, or 0, and then fences all
 * CPUs (rk_fence_all(), remote.h), knows that no operation works where the gate led before, and sees what they did there.
 *
 * A bank (bank.h) does that for one CPU, and leaves the others alone. Behind a gate, what happened before something else
 * stays so: loads of one word that are ordered never see it go back, on whichever CPUs they are.
 *
 * Common to both operations:
 *   Parameters: gate is the address of the word; what it names stays mapped as long as some thread may be at it.
 *   Returns: an outcome of enum rk_result; RK_CLOSED where the gate is 0, and then nothing was done.
 *   Context, cost and memory order: as ops.h says, and a load of a word that all CPUs have in their caches.
 */
#ifndef RSEQKIT_GATE_H
#define RSEQKIT_GATE_H

#include <rseqkit/ops.h>

RKI_BEGIN_DECLS

/* Adds `value`, wrapping, to the word `where` bytes into the slot of the CPU it runs on. */
RKI_INLINE enum rk_result rk_gate_add(const intptr_t *gate, ptrdiff_t where, intptr_t value);

/*
 * Adds 1 to the word that the slot begins with, of the CPU it runs on. *item becomes what the gate named: where to
 * subtract it again (rk_cpu_add(), on any CPU); NULL unless that was done.
 */
RKI_INLINE enum rk_result rk_gate_enter(const intptr_t *gate, void **item);

RKI_END_DECLS

#include <rseqkit/detail/gate.h>

#endif /* RSEQKIT_GATE_H */
