/* SPDX-License-Identifier: MIT */
/*
 * bracket.h - records the levels of brackets, and finds them by number. A bracket is the time between rk_vfork_begin() and
 * rk_vfork_end(). Brackets nest, and each of them is a level.
 *
 * A claim (sync/claim.h) is a word with the number of the thread that alone may change some data. Some claims last only while
 * one function runs. Inside a bracket, such a claim is made with the number of the innermost level. When that level ends, the
 * claim becomes free, even if the vfork child that made the claim was killed.
 */
#ifndef RK_SRC_BRACKET_H
#define RK_SRC_BRACKET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Records that the calling thread is inside one more level. `depth` is the number of the thread's open brackets, the new one
 * included (`vfork` in the thread state, area.h). `in_person` says that the thread is inside no other level, and is certainly
 * no vfork child. Async-signal-safe.
 */
void rk_bracket_begun(uint8_t depth, bool in_person);

/*
 * Ends the innermost level among the calling thread's levels that this process made. `depth_now` is the number of open
 * brackets that the thread state has. Levels inside the ended level, which killed vfork children left open, end as well.
 * Returns the depth that was recorded for the ended level, or 0 if that depth isn't known. Async-signal-safe.
 */
uint8_t rk_bracket_ends(uint8_t depth_now);

/*
 * Returns whether the calling thread is inside a bracket. In a vfork child, the parent's bracket counts, too.
 * Async-signal-safe.
 */
bool rk_bracket_is_open(void);

/* Records that the calling thread is inside no level. Async-signal-safe. */
void rk_bracket_none(void);

/*
 * Returns the number of the thread's innermost recorded level, or `thread` if no level of the thread is recorded.
 * Async-signal-safe.
 */
uint64_t rk_bracket_number(uint64_t thread);

/*
 * Returns the number of the thread that the level `number` belongs to, or 0 if the level has ended. The caller must have
 * read `number` by a load with acquire order. Async-signal-safe.
 */
uint64_t rk_bracket_thread(uint64_t number);

#endif /* RK_SRC_BRACKET_H */
