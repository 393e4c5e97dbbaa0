/* SPDX-License-Identifier: MIT */
/* self.h - finds the file of this program, to start it again or to find files beside it. */
#ifndef RK_TOOL_SELF_H
#define RK_TOOL_SELF_H

#include <limits.h>
#include <stdbool.h>

/*
 * Stores the path of this program, from /proc or from the name that it was started with. A relative name is right only as
 * long as the working directory is unchanged. Returns false if neither gives a path.
 */
bool self_path(char path[PATH_MAX]);

/*
 * May this program access the file with `mode`, as in access(2)? If a filter refuses access(2), checks only whether the file
 * exists. If the result is false, errno has the reason.
 */
bool self_may(const char *path, int mode);

/* Is /proc mounted? */
bool self_has_proc(void);

#endif /* RK_TOOL_SELF_H */
