/* SPDX-License-Identifier: MIT */
/*
 * registrant.h - finds out whether a program contains or needs a component that itself registers threads for rseq.
 *
 * The answer comes from files alone, before the program starts: no library is loaded, and no process is started. So libraries
 * that the program opens later aren't found, and neither are components without symbols.
 */
#ifndef RK_TOOL_EXEC_REGISTRANT_H
#define RK_TOOL_EXEC_REGISTRANT_H

#include <limits.h>

/* The component that was found. If there are several components, the greatest of their values is returned. */
enum registrant {
	REGISTRANT_NONE,
	REGISTRANT_EARLY,   /* a component that exports __rseq_abi, which every copy of librseqkit uses too */
	REGISTRANT_PRIVATE, /* a component with an __rseq_abi, or a librseq, that no other module can see */
	REGISTRANT_LIBRSEQ  /* a librseq that other modules can see; librseqkit uses librseq's registrations */
};

/*
 * Examines an ELF program of this machine's kind, the libraries in LD_PRELOAD, and all libraries that the program and those
 * libraries need, as far as the files are found. Stores in `where` the path of the file that has the component, or an empty
 * string if there is no component.
 */
enum registrant exec_find_registrant(const char *program, char where[PATH_MAX]);

#endif /* RK_TOOL_EXEC_REGISTRANT_H */
