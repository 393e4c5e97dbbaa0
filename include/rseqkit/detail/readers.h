/* SPDX-License-Identifier: MIT */
/*
 * readers.h - macros by which the readers of ../rcu.h and of the reader-writer locks of ../lock.h leave. src/sync/readers.h
 * describes how readers are counted.
 */
#ifndef RSEQKIT_DETAIL_READERS_H
#define RSEQKIT_DETAIL_READERS_H

#include <rseqkit/detail/add.h>
#include <rseqkit/gate.h>
#include <rseqkit/percpu.h>

/*
 * RKI_READERS_GATE is the byte offset of the gate in the overflow slot (percpu.h). The gate is the word that says where
 * readers are counted. RKI_READERS_ATOMIC is a bit of the tokens that readers get. On machines other than x86, this bit is
 * set if no fence was available when the item was created.
 */
#define RKI_READERS_GATE 64
#define RKI_READERS_ATOMIC 1

#define RKI_READERS_GATE_OF(item) ((const intptr_t *)((uintptr_t)(item) - RK_STRIDE + RKI_READERS_GATE))

/*
 * RKI_READERS_LEAVE_ATOMICALLY is nonzero if the reader with this token must leave by an atomic instruction. On x86 no reader
 * must, because other CPUs see a plain store after all earlier accesses. On other machines readers must if no fence was
 * available.
 */
#if RKI_ORDERS_BY_ITSELF
#define RKI_READERS_LEAVE_ATOMICALLY(token) 0
#else
#define RKI_READERS_LEAVE_ATOMICALLY(token) ((uintptr_t)(token) & RKI_READERS_ATOMIC)
#endif

#define RKI_READERS_LEAVE(token)                                                                                       \
	(RKI_UNLIKELY(RKI_READERS_LEAVE_ATOMICALLY(token)) ? RK_NO_RSEQ : rki_add((token), -1))

#endif /* RSEQKIT_DETAIL_READERS_H */
