/* SPDX-License-Identifier: MIT */
/*
 * mapped.h - the files that a process has mapped.
 *
 * They are those of the process, not of the same name here: it may run in a container, and its files may have been
 * replaced or deleted since. Only regular files are opened: a device may not like it, and a FIFO may let one wait.
 */
#ifndef RK_TOOL_INSPECT_MAPPED_H
#define RK_TOOL_INSPECT_MAPPED_H

#include <stdint.h>
#include <sys/types.h>

#define INSPECT_EXECUTABLE_MAX 4096

struct inspect_mapped {
	pid_t tid;  /* of a thread that lives */
	char *maps; /* the text of /proc/PID/maps, of malloc(); NULL where it can't be read */
	char executable[INSPECT_EXECUTABLE_MAX]; /* as in there */
};

void inspect_mapped_read(pid_t tid, struct inspect_mapped *mapped);

/* The file that is mapped at `base`, or, where that isn't permitted, what the process finds under its name; or -1. */
int inspect_open_mapped(const struct inspect_mapped *mapped, const char *name, uint64_t base);

#endif /* RK_TOOL_INSPECT_MAPPED_H */
