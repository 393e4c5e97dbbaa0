/* SPDX-License-Identifier: MIT */
/*
 * by_index.h - calls an operation (ops.h) with one of three kinds of index, for tests that try all kinds. The index chooses the
 * slot, which is one CPU's copy of per-CPU memory.
 */
#ifndef BY_INDEX_H
#define BY_INDEX_H

#include <rseqkit.h>
#include <rseqkit/ops.h>

enum index { BY_CPU, BY_CID, BY_AT, INDICES };

/* Runs the operation VERB on the slot of this CPU, of this thread's concurrency id, or of `cpu`, as `index` says. */
#define BY_INDEX(index, cpu, verb, ...)                                                                                \
	((index) == BY_CPU ? rk_cpu_##verb(__VA_ARGS__) :                                                              \
	 (index) == BY_CID ? rk_cid_##verb(__VA_ARGS__) :                                                              \
			     rk_at_##verb(__VA_ARGS__, cpu))

#endif /* BY_INDEX_H */
