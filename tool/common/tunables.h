/* SPDX-License-Identifier: MIT */
/* tunables.h - the rseq setting in GLIBC_TUNABLES. */
#ifndef RK_TOOL_TUNABLES_H
#define RK_TOOL_TUNABLES_H

#include <stdbool.h>

/* Does the last rseq setting in a list of tunables, separated by colons, stop the C library from registering threads? The
 * list may be NULL. */
bool tunables_say_off(const char *list);

#endif /* RK_TOOL_TUNABLES_H */
