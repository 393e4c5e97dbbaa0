/* SPDX-License-Identifier: MIT */
/*
 * first_use.h - for counters, groups and peaks that are created on their first use: when to try again after a failure. An attempt
 * makes system calls and takes some 8 us. If it failed, for example because of a filter, the next uses would all pay that.
 */
#ifndef RK_SRC_FIRST_USE_H
#define RK_SRC_FIRST_USE_H

#include <stdbool.h>

/* Returns whether this use tries. After a failure the uses 1, 2, 4, ... and then each 1,024th use of the process try. */
bool rk_first_use_tries(void);

/* Records whether a creation succeeded. After a success each use tries again. */
void rk_first_use_tried(bool created);

#endif /* RK_SRC_FIRST_USE_H */
