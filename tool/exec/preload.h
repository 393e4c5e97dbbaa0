/* SPDX-License-Identifier: MIT */
/* preload.h - finds the libraries that `rseqkit exec` preloads, and adds them to LD_PRELOAD. */
#ifndef RK_TOOL_EXEC_PRELOAD_H
#define RK_TOOL_EXEC_PRELOAD_H

#include <limits.h>
#include <stdbool.h>

#define PRELOAD "librseqkit-preload.so"

/* Stores the path of the library `name` in `path`. Returns false if the library isn't found. */
bool preload_find(const char *name, char path[PATH_MAX]);

/*
 * Appends a library to LD_PRELOAD. If the library isn't found, or LD_PRELOAD can't name it, prints a message and returns
 * false.
 */
bool preload_add(const char *name);

#endif /* RK_TOOL_EXEC_PRELOAD_H */
