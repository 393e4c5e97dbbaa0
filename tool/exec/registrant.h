/* SPDX-License-Identifier: MIT */
/*
 * registrant.h - does a program bring something along that registers threads for rseq itself?
 *
 * That is told from files alone, before the program starts: nothing is loaded, and no process is started. So what a
 * program opens later isn't seen, nor is what has no symbol any more.
 */
#ifndef RK_TOOL_EXEC_REGISTRANT_H
#define RK_TOOL_EXEC_REGISTRANT_H

#include <limits.h>

/* What was found; of several, the greatest. */
enum registrant {
	REGISTRANT_NONE,
	REGISTRANT_EARLY,   /* exports __rseq_abi: every copy of librseqkit shares that */
	REGISTRANT_PRIVATE, /* has an area, or a librseq, that no other module can see */
	REGISTRANT_LIBRSEQ  /* librseq, where other modules see it: librseqkit steps back */
};

/*
 * Looks at an ELF program of this machine's kind, at what LD_PRELOAD names, and at the libraries that these need, as
 * far as they are found. `where` becomes the file that has it.
 */
enum registrant exec_find_registrant(const char *program, char where[PATH_MAX]);

#endif /* RK_TOOL_EXEC_REGISTRANT_H */
