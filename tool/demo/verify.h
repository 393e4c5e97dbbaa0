/* SPDX-License-Identifier: MIT */
/*
 * verify.h - what the demo's counts are compared with: a count of one thread, by other code, and wc.
 */
#ifndef RK_TOOL_DEMO_VERIFY_H
#define RK_TOOL_DEMO_VERIFY_H

#include "count.h"

struct demo_wc {
	const char *missing; /* why wc said nothing; NULL if it did */
	bool counts_runs;    /* this wc takes any run of bytes that aren't white space for a word */
	uint64_t lines, words, bytes;
};

struct demo_reference {
	struct demo_counts counts;
	uint64_t runs; /* of bytes that aren't white space, printable or not */
	struct demo_wc wc;
};

void demo_reference_make(const struct demo_input *input, struct demo_reference *reference);

/* Are these the counts of `passes` passes? Otherwise complains about the first difference. */
bool demo_reference_check(const struct demo_reference *reference, enum demo_method method,
			  const struct demo_counts *counts, uint64_t passes);

/* Does wc agree with the reference? True where there is no wc; otherwise complains. */
bool demo_reference_check_wc(const struct demo_reference *reference);

/* All bytes, whatever their value. */
uint64_t demo_total_bytes(const struct demo_counts *counts);

#endif /* RK_TOOL_DEMO_VERIFY_H */
