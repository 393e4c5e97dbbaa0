/* SPDX-License-Identifier: MIT */
/* tunables.h - reads the rseq setting in GLIBC_TUNABLES. */
#ifndef RK_TOOL_TUNABLES_H
#define RK_TOOL_TUNABLES_H

#include <stdbool.h>

/*
 * Does the last rseq setting in `list` stop the C library from registering threads? Colons separate the settings in `list`,
 * which is allowed to be NULL.
 */
bool tunables_say_off(const char *list);

#endif /* RK_TOOL_TUNABLES_H */
