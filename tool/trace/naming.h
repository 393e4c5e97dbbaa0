/* SPDX-License-Identifier: MIT */
/*
 * naming.h - finds the symbol and the source line of an offset in an ELF file, in a child process.
 *
 * `rseqkit trace` runs as root. A traced program's file can be made to harm a program that reads it, so a child process without
 * any rights reads each file. The child has an open descriptor of the file, and limits of time and memory. If the child dies or
 * takes too long, symbols and source lines of this file stay unknown.
 */
#ifndef RK_TOOL_TRACE_NAMING_H
#define RK_TOOL_TRACE_NAMING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/source.h"

/* A child that reads one file. */
struct naming {
	pid_t child;
	int fd; /* a socket to the child */
};

/*
 * Starts a child for the open file. The child looks beside the file's absolute path `name` for a file of debug information, and
 * keeps none of this process's other files. Returns false if the start fails.
 */
bool naming_start(struct naming *naming, int file, const char *name);

/*
 * Asks the child for the names of an offset in the file, and waits at most 20 seconds for the answer. The strings of the answer
 * are printable. Calls `meanwhile`
 * repeatedly during the wait. If `meanwhile` returns false, the wait lasts at most 2 seconds in all. Returns false if the child
 * has failed or is too slow; then the child has been ended.
 */
bool naming_ask(struct naming *naming, uint64_t offset, struct source *answer, bool (*meanwhile)(void *), void *argument);

/* Ends the child, if there is one. */
void naming_stop(struct naming *naming);

#endif /* RK_TOOL_TRACE_NAMING_H */
