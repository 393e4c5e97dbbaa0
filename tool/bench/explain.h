/* SPDX-License-Identifier: MIT */
/*
 * explain.h - texts for the report: what a contender is, what it needs, and when it is the right choice.
 *
 * Only the workers know which contenders exist. A contender without an explanation is shown without one. A test checks that
 * every contender of `rseqkit bench --list` has an explanation.
 */
#ifndef RK_TOOL_BENCH_EXPLAIN_H
#define RK_TOOL_BENCH_EXPLAIN_H

#include <stdbool.h>

struct explanation {
	const char *bench, *contender;	 /* a name, or the beginning of several names and '*'; `bench` NULL means any bench */
	const char *what, *needs, *when; /* `needs` is NULL if the contender needs nothing */
	const char *instead; /* what the contender does instead of the bench's job; NULL if it does the job */
};

/* Returns the explanation of a contender; NULL if there is no explanation. */
const struct explanation *explain(const char *bench, const char *contender);

/* Does the contender do the job of the bench, so that it can be the fastest? */
bool explain_does_job(const char *bench, const char *contender);

/* Do the contenders of the bench do the same job, so that they can be compared and one is the fastest? */
bool explain_same_job(const char *bench);

#endif /* RK_TOOL_BENCH_EXPLAIN_H */
