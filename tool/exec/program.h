/* SPDX-License-Identifier: MIT */
/* program.h - which file `rseqkit exec` runs, and whether anything can be preloaded into its process. */
#ifndef RK_TOOL_EXEC_PROGRAM_H
#define RK_TOOL_EXEC_PROGRAM_H

#include <limits.h>

/*
 * Finds the file that execvp() will run, as it does: the first one of PATH that may be executed. Returns 0, or the
 * errno.
 */
int program_find(const char *name, char path[PATH_MAX]);

/*
 * Why nothing would be preloaded into the process of the program at `path`; NULL if it would. `path` becomes the ELF file
 * that the process is made of: the interpreter of a script. It becomes empty where that can't be told: what can't be read,
 * and what is neither ELF nor script, is somebody else's to run.
 */
const char *program_objection(char path[PATH_MAX]);

#endif /* RK_TOOL_EXEC_PROGRAM_H */
