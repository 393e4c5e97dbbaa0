/* SPDX-License-Identifier: MIT */
/*
 * mapped.h - opens the files that another process has mapped.
 *
 * mapped_open() opens the file that the process has mapped, and not a file of the same name in this tool's root. The process
 * can run in a container, and its files may have been replaced or deleted. Only regular files are opened, because opening a
 * device can have effects, and opening a FIFO can block.
 */
#ifndef RK_TOOL_MAPPED_H
#define RK_TOOL_MAPPED_H

#include <stdint.h>
#include <sys/types.h>

#define MAPPED_EXECUTABLE_MAX 4096

struct mapped {
	pid_t tid;  /* a thread of the process that hasn't ended */
	char *maps; /* maps_read() */
	char executable[MAPPED_EXECUTABLE_MAX]; /* the target of /proc/PID/exe */
};

/* Fills in `mapped` for the process that has the thread `tid`. */
void mapped_read(pid_t tid, struct mapped *mapped);

/*
 * Opens the file that is mapped at `base`. If this isn't permitted, opens the file that the process finds by the name `name`.
 * If this fails too, and `name` is the name of the process's executable, opens the executable. Returns a descriptor, or -1.
 */
int mapped_open(const struct mapped *mapped, const char *name, uint64_t base);

/*
 * Opens the file that the process finds by the absolute name `name`. Symbolic links are resolved within the process's root.
 * Returns a descriptor, or -1.
 */
int mapped_open_named(pid_t tid, const char *name);

/* Opens a file of this tool's own root, relative to the descriptor of a folder (AT_FDCWD). Returns a descriptor, or -1. */
int mapped_open_regular(int folder, const char *path);

#endif /* RK_TOOL_MAPPED_H */
