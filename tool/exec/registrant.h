/* SPDX-License-Identifier: MIT */
/*
 * registrant.h - finds out whether a program contains or needs a component that itself registers threads for rseq.
 *
 * The answer comes only from files, before the program starts. The tool loads no library, and starts no process, so it doesn't
 * find libraries that the program opens later, nor components without symbols.
 */
#ifndef RK_TOOL_EXEC_REGISTRANT_H
#define RK_TOOL_EXEC_REGISTRANT_H

#include <limits.h>

/* The kind of the component that was found. If there are several components, the greatest of their values is returned. */
enum registrant {
	REGISTRANT_NONE,
	REGISTRANT_EARLY,   /* a component that exports __rseq_abi. Each librseqkit in the process also uses __rseq_abi as its area */
	REGISTRANT_PRIVATE, /* a component with an __rseq_abi, or a librseq, that no other module can see */
	REGISTRANT_LIBRSEQ  /* a librseq that other modules can see. librseqkit then uses librseq's registrations */
};

/*
 * Examines an ELF program of this machine's kind, the libraries in LD_PRELOAD, and all libraries that these need, as far as it
 * finds their files. Stores in `where` the path of the file that has the component, or an empty string if there is none.
 */
enum registrant exec_find_registrant(const char *program, char where[PATH_MAX]);

#endif /* RK_TOOL_EXEC_REGISTRANT_H */
