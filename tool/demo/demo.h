/* SPDX-License-Identifier: MIT */
/* demo.h - what a run of the demo found, between the run (demo.c) and its presentation (demo_report.c). */
#ifndef RK_TOOL_DEMO_H
#define RK_TOOL_DEMO_H

#include <rseqkit/thread.h>

#include "verify.h"

#define DEMO_ROUNDS 3 /* of each method, interleaved; odd, for a median */

struct demo_result {
	struct demo_reference reference;
	struct demo_counts counts; /* by the per-CPU counters, of one pass */
	enum rk_owner owner;
	size_t files, skipped, chunk;
	unsigned threads, cpus;
	bool verified;
	struct {
		uint64_t passes; /* in a round */
		double fastest;  /* seconds for a pass, of all rounds */
		double median;
	} methods[DEMO_METHODS];
};

void demo_print_text(const struct demo_result *result);
void demo_print_json(const struct demo_result *result);

#endif /* RK_TOOL_DEMO_H */
