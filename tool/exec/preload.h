/* SPDX-License-Identifier: MIT */
/* preload.h - what `rseqkit exec` preloads. */
#ifndef RK_TOOL_EXEC_PRELOAD_H
#define RK_TOOL_EXEC_PRELOAD_H

#include <limits.h>
#include <stdbool.h>

#define PRELOAD "librseqkit-preload.so"
#define PRELOAD_SLICES "librseqkit-slices.so"

/* Where a library is that is to be preloaded; false where it isn't to be found. */
bool preload_find(const char *name, char path[PATH_MAX]);

/* Adds a library behind what is preloaded already. Complains, and returns false, where it isn't there or has no name. */
bool preload_add(const char *name);

#endif /* RK_TOOL_EXEC_PRELOAD_H */
