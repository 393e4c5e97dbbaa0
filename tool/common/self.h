/* SPDX-License-Identifier: MIT */
/* self.h - finds this program's own file, so that the program can start itself again, or find files near its own. */
#ifndef RK_TOOL_SELF_H
#define RK_TOOL_SELF_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Stores the path of this program, from /proc, or otherwise from the name with which the program was started. If this name is
 * relative, the path is right only as long as the working directory is unchanged. Returns false if neither /proc nor the name
 * gives a path. A dynamic linker that was started with this program's name isn't this program.
 */
bool self_path(char path[PATH_MAX]);

/*
 * Stores the first arguments with which this program can be started again in the same way, at most SELF_ARGUMENTS. These are
 * this program's path, or the path of a dynamic linker, the linker's options, and this program's name. The strings stay valid.
 * Returns the number of the arguments, or 0 if they are unknown.
 */
#define SELF_ARGUMENTS 32
size_t self_arguments(char *arguments[SELF_ARGUMENTS]);

/*
 * Is this program allowed to access the file with `mode`, as in access(2)? If a filter refuses access(2), checks only whether
 * the file exists. If the result is false, errno has the reason.
 */
bool self_may(const char *path, int mode);

/* Is /proc mounted? */
bool self_has_proc(void);

#endif /* RK_TOOL_SELF_H */
