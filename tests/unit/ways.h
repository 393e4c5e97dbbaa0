/* SPDX-License-Identifier: MIT */
/*
 * ways.h - the ways by which a thread enters and leaves a structure that counts threads per CPU, and assertions that
 * also work in children.
 */
#ifndef WAYS_H
#define WAYS_H

#include "test.h"

__attribute__((__unused__)) static bool forked;

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (forked)                                                                                            \
			CHECK(condition);                                                                              \
		else                                                                                                   \
			assert_true(condition);                                                                        \
	} while (0)

/* If a thread can't use the way that a test chooses, the thread uses one of the other two ways. */
enum way { BY_SECTION, BY_OVERFLOW, AFTER_ABORTS, WAYS };

/* Returns the result of the first attempt, for a way that isn't BY_SECTION. */
static inline enum rk_result attempt_of(enum way way)
{
	return way == BY_OVERFLOW ? RK_NO_RSEQ : RK_ABORTED;
}

#endif /* WAYS_H */
