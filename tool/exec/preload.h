/* SPDX-License-Identifier: MIT */
/* preload.h - the libraries that `rseqkit exec` preloads. */
#ifndef RK_TOOL_EXEC_PRELOAD_H
#define RK_TOOL_EXEC_PRELOAD_H

#include <limits.h>
#include <stdbool.h>

#define PRELOAD "librseqkit-preload.so"
#define PRELOAD_SLICES "librseqkit-slices.so"

/* Finds a library to preload. Returns false if it isn't there. */
bool preload_find(const char *name, char path[PATH_MAX]);

/* Appends a library to LD_PRELOAD. If it isn't there, or LD_PRELOAD can't name it, prints a message and returns false. */
bool preload_add(const char *name);

#endif /* RK_TOOL_EXEC_PRELOAD_H */
