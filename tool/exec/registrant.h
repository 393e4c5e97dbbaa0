/* SPDX-License-Identifier: MIT */
/*
 * registrant.h - does a program contain or need a component that registers threads for rseq itself?
 *
 * The answer comes from files alone, before the program starts: no library is loaded, and no process is started. So
 * libraries that the program opens later aren't found, and neither are components without symbols.
 */
#ifndef RK_TOOL_EXEC_REGISTRANT_H
#define RK_TOOL_EXEC_REGISTRANT_H

#include <limits.h>

/* The component that was found. If there are several, the greatest value counts. */
enum registrant {
	REGISTRANT_NONE,
	REGISTRANT_EARLY,   /* exports __rseq_abi, which every copy of librseqkit shares */
	REGISTRANT_PRIVATE, /* has an area, or a librseq, that no other module can see */
	REGISTRANT_LIBRSEQ  /* librseq that other modules can see: librseqkit uses its registrations */
};

/*
 * Examines an ELF program of this machine's kind, the libraries in LD_PRELOAD, and the libraries that these need, as far as
 * they are found. Stores the path of the file that has the component in `where`.
 */
enum registrant exec_find_registrant(const char *program, char where[PATH_MAX]);

#endif /* RK_TOOL_EXEC_REGISTRANT_H */
