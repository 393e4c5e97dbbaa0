/* SPDX-License-Identifier: MIT */
/* demo.h - the result of one run of `rseqkit demo`. demo.c makes the result, and demo_report.c prints it. */
#ifndef RK_TOOL_DEMO_H
#define RK_TOOL_DEMO_H

#include <rseqkit/thread.h>

#include "verify.h"

#define DEMO_ROUNDS 3 /* rounds of each method, interleaved. The number is odd, so that one round is the median */

struct demo_result {
	struct demo_reference reference;
	struct demo_counts counts; /* the counts of the per-CPU counters for one pass */
	enum rk_owner owner;       /* which component registers threads for rseq */
	size_t files, skipped, chunk;
	unsigned threads, cpus;
	bool verified;             /* all counts were equal to the reference */
	struct {
		uint64_t passes; /* passes in a round */
		double fastest;  /* seconds for a pass in the fastest round */
		double median;   /* seconds for a pass in the median round */
	} methods[DEMO_METHODS];
};

void demo_print_text(const struct demo_result *result);
void demo_print_json(const struct demo_result *result);

#endif /* RK_TOOL_DEMO_H */
