/* SPDX-License-Identifier: MIT */
/* program.h - finds the file that `rseqkit exec` executes, and checks whether libraries can be preloaded into its process. */
#ifndef RK_TOOL_EXEC_PROGRAM_H
#define RK_TOOL_EXEC_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

/*
 * The files that execvp() would try for a name, one after the other. The caller checks each file and then executes the file
 * by execv(), so that the executed file is the checked one.
 */
struct program_search {
	const char *name;
	const char *folders; /* the part of PATH that wasn't searched yet; NULL at the end of PATH */
	int error;           /* errno to report if no further file can be run */
};

void program_begin(struct program_search *search, const char *name);

/* Finds the next file that this process is allowed to execute. Returns false after the last file. */
bool program_next(struct program_search *search, char path[PATH_MAX]);

/*
 * Call this with the errno of a file that couldn't be executed. Ends the search if execvp() also ends its search at this errno.
 */
void program_pass_over(struct program_search *search, int error);

/*
 * Returns why `libraries`, a list that ends with NULL, can't be preloaded into the process of the program at `path`; NULL if they
 * can. `arguments` are the arguments of this program; arguments[0] is its own name.
 *
 * Replaces `path` by the path of the ELF file that the process executes. For a script, this is the script's interpreter. For the
 * dynamic linker, it is the program that the linker's arguments name. `path` becomes empty if the ELF file isn't known, because a
 * file can't be read or is neither ELF nor script.
 */
const char *program_objection(char path[PATH_MAX], char *const *arguments, const char *const *libraries);

#endif /* RK_TOOL_EXEC_PROGRAM_H */
