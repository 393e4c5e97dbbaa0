/* SPDX-License-Identifier: MIT */
/*
 * verify.h - the references with which `rseqkit demo` compares its counts: a count by one thread with other code, and the answer
 * of wc.
 */
#ifndef RK_TOOL_DEMO_VERIFY_H
#define RK_TOOL_DEMO_VERIFY_H

#include "count.h"

struct demo_wc {
	const char *missing; /* why wc gave no answer; NULL if wc gave an answer */
	bool counts_runs;    /* this wc counts each run (count.h) as a word, even a run without printable bytes */
	uint64_t lines, words, bytes;
};

struct demo_reference {
	struct demo_counts counts;
	uint64_t runs; /* the number of runs, with or without printable bytes */
	struct demo_wc wc;
};

/* Counts the input with one thread, and asks wc. */
void demo_reference_make(const struct demo_input *input, struct demo_reference *reference);

/* Are these counts equal to the counts of the reference, times `passes`? If not, prints the first difference. */
bool demo_reference_check(const struct demo_reference *reference, enum demo_method method,
			  const struct demo_counts *counts, uint64_t passes);

/* Does wc's answer agree with the reference? If not, prints both counts. Also returns true if wc gave no answer. */
bool demo_reference_check_wc(const struct demo_reference *reference);

/* Returns the number of all bytes, the sum of the counts of all byte values. */
uint64_t demo_total_bytes(const struct demo_counts *counts);

#endif /* RK_TOOL_DEMO_VERIFY_H */
