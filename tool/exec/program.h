/* SPDX-License-Identifier: MIT */
/* program.h - which file `rseqkit exec` runs, and whether anything can be preloaded into its process. */
#ifndef RK_TOOL_EXEC_PROGRAM_H
#define RK_TOOL_EXEC_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

/*
 * The files that execvp() would try for a name, one after the other. They are tried by execv(), so that what is run is what
 * was looked at.
 */
struct program_search {
	const char *name;
	const char *folders; /* those of PATH that are left; NULL: none */
	int error;           /* why nothing was run so far */
};

void program_begin(struct program_search *search, const char *name);

/* The next one that is there and may be executed. Returns false behind the last. */
bool program_next(struct program_search *search, char path[PATH_MAX]);

/* Keeps why a file wasn't run, by errno. There is no next one where execvp() would leave it at that. */
void program_pass_over(struct program_search *search, int error);

/*
 * Why `libraries`, up to a NULL, would not be preloaded into the process of the program at `path`; NULL if they would.
 * `path` becomes the ELF file that this process is of: the interpreter of a script, or what the dynamic linker is told to
 * run by `arguments`, of which the first is the program's name. It becomes empty where that can't be told: what can't be
 * read, and what is neither ELF nor script, is somebody else's to run.
 */
const char *program_objection(char path[PATH_MAX], char *const *arguments, const char *const *libraries);

#endif /* RK_TOOL_EXEC_PROGRAM_H */
