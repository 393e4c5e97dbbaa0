/* SPDX-License-Identifier: MIT */
/* demo.h - the result of a run of the demo (demo.c), which demo_report.c prints. */
#ifndef RK_TOOL_DEMO_H
#define RK_TOOL_DEMO_H

#include <rseqkit/thread.h>

#include "verify.h"

#define DEMO_ROUNDS 3 /* of each method, interleaved; odd, for a median */

struct demo_result {
	struct demo_reference reference;
	struct demo_counts counts; /* of the per-CPU counters in one pass */
	enum rk_owner owner;
	size_t files, skipped, chunk;
	unsigned threads, cpus;
	bool verified;
	struct {
		uint64_t passes; /* in a round */
		double fastest;  /* seconds for a pass in the fastest round */
		double median;
	} methods[DEMO_METHODS];
};

void demo_print_text(const struct demo_result *result);
void demo_print_json(const struct demo_result *result);

#endif /* RK_TOOL_DEMO_H */
