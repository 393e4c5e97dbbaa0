/* SPDX-License-Identifier: MIT */
/*
 * mapped.h - opens the files that a process has mapped.
 *
 * Opens the process's own files, not files with the same names in this tool's root. The process may run in a container, and
 * its files may have been replaced or deleted. Only regular files are opened: opening a device may have effects, and
 * opening a FIFO may block.
 */
#ifndef RK_TOOL_INSPECT_MAPPED_H
#define RK_TOOL_INSPECT_MAPPED_H

#include <stdint.h>
#include <sys/types.h>

#define INSPECT_EXECUTABLE_MAX 4096

struct inspect_mapped {
	pid_t tid;  /* a living thread */
	char *maps; /* the text of /proc/PID/maps, allocated by malloc(); NULL if it can't be read */
	char executable[INSPECT_EXECUTABLE_MAX]; /* the target of /proc/PID/exe */
};

void inspect_mapped_read(pid_t tid, struct inspect_mapped *mapped);

/*
 * Opens the file that is mapped at `base`. If that isn't permitted, opens the file that the process finds by this name, or
 * its executable. Returns a descriptor, or -1.
 */
int inspect_open_mapped(const struct inspect_mapped *mapped, const char *name, uint64_t base);

#endif /* RK_TOOL_INSPECT_MAPPED_H */
