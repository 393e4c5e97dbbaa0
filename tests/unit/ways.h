/* SPDX-License-Identifier: MIT */
/*
 * ways.h - the ways by which a thread enters and leaves a structure that counts threads per CPU (an rcu domain, a lock or a
 * reference count). Also assertions that work in children.
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

/*
 * BY_SECTION calls the inline function, which has a critical section. BY_OVERFLOW calls the slow function, as a thread without
 * rseq. AFTER_ABORTS calls the slow function, as after an aborted section. If a thread can't use a section, it uses the
 * overflow slot, which is the memory for threads without rseq.
 */
enum way { BY_SECTION, BY_OVERFLOW, AFTER_ABORTS, WAYS };

/*
 * Tests call a slow function directly, and pass it the result that the section would have had. This function returns
 * the result that leads to `way`, which isn't BY_SECTION.
 */
static inline enum rk_result attempt_of(enum way way)
{
	return way == BY_OVERFLOW ? RK_NO_RSEQ : RK_ABORTED;
}

#endif /* WAYS_H */
