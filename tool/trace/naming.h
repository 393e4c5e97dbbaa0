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

struct naming_answer {
	char symbol[192];       /* "" if unknown; printable, like `file` */
	uint64_t symbol_offset; /* the distance from the symbol's address */
	char file[192];
	int line;
};

/* A child that reads one file. */
struct naming {
	pid_t child;
	int fd; /* a socket to the child */
};

/* Starts a child for the open file. Returns false if that fails. The child keeps none of this process's other files. */
bool naming_start(struct naming *naming, int file);

/*
 * Asks the child for the names of an offset in the file, and waits at most 20 seconds for the answer. Calls `meanwhile`
 * repeatedly during the wait. If `meanwhile` returns false, the wait lasts at most 2 seconds in all. Returns false if the child
 * has failed or is too slow; then the child has been ended.
 */
bool naming_ask(struct naming *naming, uint64_t offset, struct naming_answer *answer, bool (*meanwhile)(void *), void *argument);

/* Ends the child, if there is one. */
void naming_stop(struct naming *naming);

#endif /* RK_TOOL_TRACE_NAMING_H */
