/* SPDX-License-Identifier: MIT */
/*
 * explain.h - texts for the page of `rseqkit bench --report`. A contender is one of the ways to do a bench's job. A text says
 * what the contender is, what it needs, and when it is the right choice.
 *
 * Only the workers, the programs that run the loops, know which contenders exist. If a contender has no explanation here, the
 * page shows none. A test checks that every contender of `rseqkit bench --list` has an explanation.
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
