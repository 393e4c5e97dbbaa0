/* SPDX-License-Identifier: MIT */
/* self.h - which file this program is, for who starts it anew, or looks for what lies beside it. */
#ifndef RK_TOOL_SELF_H
#define RK_TOOL_SELF_H

#include <limits.h>
#include <stdbool.h>

/*
 * Its path, by /proc, or else by the name that it was started by, as long as nobody has changed the directory. False where
 * neither tells: that takes /proc.
 */
bool self_path(char path[PATH_MAX]);

/*
 * May this program do with a file what `mode` says, of access(2)? Where a filter refuses that call: is the file there? If not,
 * errno says why.
 */
bool self_may(const char *path, int mode);

/* Is /proc there? */
bool self_has_proc(void);

#endif /* RK_TOOL_SELF_H */
