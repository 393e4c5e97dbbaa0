/* SPDX-License-Identifier: MIT */
/* self.h - finds this program's own file, so that the program can start itself again, or find files near its own. */
#ifndef RK_TOOL_SELF_H
#define RK_TOOL_SELF_H

#include <limits.h>
#include <stdbool.h>

/*
 * Stores the path of this program, from /proc, or otherwise from the name with which the program was started. If this name is
 * relative, the path is right only as long as the working directory is unchanged. Returns false if neither /proc nor the name
 * gives a path.
 */
bool self_path(char path[PATH_MAX]);

/*
 * Is this program allowed to access the file with `mode`, as in access(2)? If a filter refuses access(2), checks only whether
 * the file exists. If the result is false, errno has the reason.
 */
bool self_may(const char *path, int mode);

/* Is /proc mounted? */
bool self_has_proc(void);

#endif /* RK_TOOL_SELF_H */
