/* SPDX-License-Identifier: MIT */
/*
 * tracefs.h - opens the kernel's tracefs, and reads and writes its small files.
 *
 * If no tracefs is mounted, tracefs_open() makes a mount that isn't attached to any folder. Therefore no other process sees the
 * mount, and the kernel removes it when this program ends.
 */
#ifndef RK_TOOL_TRACE_TRACEFS_H
#define RK_TOOL_TRACE_TRACEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens the root folder of tracefs. If that fails, prints why and which command helps, and returns -1. */
int tracefs_open(void);

/* Reads a file below a folder, at most 1 MiB of it. Returns the text, which the caller frees, or NULL with errno. */
char *tracefs_read(int folder, const char *name);

/* Writes a text to a file below a folder, by one call of write(2). Returns 0, or an error number. */
int tracefs_write(int folder, const char *name, const char *text);

/* Finds a line of the text that begins with `name`, and stores the number after the name. Returns false if there is none. */
bool tracefs_number(const char *text, const char *name, uint64_t *number);

#endif /* RK_TOOL_TRACE_TRACEFS_H */
