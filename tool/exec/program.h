/* SPDX-License-Identifier: MIT */
/* program.h - finds the file that `rseqkit exec` runs, and checks whether libraries can be preloaded into its process. */
#ifndef RK_TOOL_EXEC_PROGRAM_H
#define RK_TOOL_EXEC_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

/*
 * The files that execvp() would try for a name, one after the other. They are executed by execv(), so that the file that
 * runs is the file that was checked.
 */
struct program_search {
	const char *name;
	const char *folders; /* the rest of PATH; NULL at its end */
	int error;           /* errno of the failure so far */
};

void program_begin(struct program_search *search, const char *name);

/* Finds the next file that exists and may be executed. Returns false after the last one. */
bool program_next(struct program_search *search, char path[PATH_MAX]);

/* Stores the errno of a file that couldn't be run. Ends the search if execvp() would end it. */
void program_pass_over(struct program_search *search, int error);

/*
 * Returns why `libraries`, a list that ends with NULL, can't be preloaded into the process of the program at `path`; NULL if
 * they can. Replaces `path` by the ELF file of this process. For a script that is the interpreter. For the dynamic linker
 * that is the program in `arguments`, whose first element is the program's name. `path` becomes empty if the ELF file isn't
 * known: the file can't be read, or is neither ELF nor script.
 */
const char *program_objection(char path[PATH_MAX], char *const *arguments, const char *const *libraries);

#endif /* RK_TOOL_EXEC_PROGRAM_H */
