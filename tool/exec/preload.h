/* SPDX-License-Identifier: MIT */
/* preload.h - what `rseqkit exec` preloads. */
#ifndef RK_TOOL_EXEC_PRELOAD_H
#define RK_TOOL_EXEC_PRELOAD_H

#include <stdbool.h>

#define PRELOAD "librseqkit-preload.so"
#define PRELOAD_SLICES "librseqkit-slices.so"

/* Adds a library behind what is preloaded already. Complains, and returns false, where it isn't there or has no name. */
bool preload_add(const char *name);

#endif /* RK_TOOL_EXEC_PRELOAD_H */
