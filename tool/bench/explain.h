/* SPDX-License-Identifier: MIT */
/*
 * explain.h - what contenders are, what they need, and when they are the right choice: for the report.
 *
 * Which contenders there are is the workers' knowledge; a figure of one that isn't explained here is shown as it is. Every
 * contender that `rseqkit bench --list` has is explained, which a test sees to.
 */
#ifndef RK_TOOL_BENCH_EXPLAIN_H
#define RK_TOOL_BENCH_EXPLAIN_H

#include <stdbool.h>

struct explanation {
	const char *bench, *contender;	 /* what ends in '*' is the beginning of names; bench: NULL for any */
	const char *what, *needs, *when; /* needs: NULL for nothing */
	const char *instead; /* what it does instead of the job, so that nobody can choose it; NULL if it does the job */
};

/* NULL if there is none. */
const struct explanation *explain(const char *bench, const char *contender);

/* Does it do what the bench is about, so that it can be the fastest? */
bool explain_does_job(const char *bench, const char *contender);

/* Have the contenders of the bench the same job, so that one of them is the fastest? */
bool explain_same_job(const char *bench);

#endif /* RK_TOOL_BENCH_EXPLAIN_H */
