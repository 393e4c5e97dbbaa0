/* SPDX-License-Identifier: MIT */
/*
 * rights.h - lets a child of this tool access files with the ids of another process.
 *
 * The child has two sets of rights. With the process's rights it opens the files that the process has mapped, because these files
 * can be made to harm the tool. With its own rights it opens the files in /proc/PID. Some of them belong to root if the process
 * isn't dumpable, and then the process itself can't open them. For example, a process isn't dumpable after setuid().
 */
#ifndef RK_TOOL_RIGHTS_H
#define RK_TOOL_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * If this child of the tool runs as root, makes it access files with the ids of the process. The child keeps root's rights to
 * read memory. Also makes the kernel kill the child when `parent`, the tool, ends. Returns false if this fails.
 */
bool rights_take(pid_t pid, pid_t parent);

/*
 * Makes this child access files with its own rights, until it calls rights_resume(). The calls can't be nested. Both functions do
 * nothing if no rights have been taken. If rights_resume() fails, it ends the child.
 */
void rights_suspend(void);
void rights_resume(void);

#endif /* RK_TOOL_RIGHTS_H */
