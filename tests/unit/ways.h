/* SPDX-License-Identifier: MIT */
/* ways.h - the ways by which a thread comes and goes that is counted per CPU, and assertions that children make as well. */
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

/* Where a way can't be had it is another one. */
enum way { BY_SECTION, BY_OVERFLOW, AFTER_ABORTS, WAYS };

/* What the first attempt came to, of a way that isn't a section's. */
static inline enum rk_result attempt_of(enum way way)
{
	return way == BY_OVERFLOW ? RK_NO_RSEQ : RK_ABORTED;
}

#endif /* WAYS_H */
