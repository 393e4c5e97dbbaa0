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
 * that this process is of: the interpreter of a script, or what the dynamic linker is told to run by `arguments`, of which
 * the first is the program's name. It becomes empty where that can't be told: what can't be read, and what is neither ELF nor
 * script, is somebody else's to run.
 */
const char *program_objection(char path[PATH_MAX], char *const *arguments);

#endif /* RK_TOOL_EXEC_PROGRAM_H */
