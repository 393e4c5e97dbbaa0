/* SPDX-License-Identifier: MIT */
/*
 * system.h - memory of the kernel's, memory for descriptions, and the end of programs that use memory wrongly.
 *
 * What of errno is the program's sees to whoever calls this (malloc.c).
 */
#ifndef MALLOC_SYSTEM_H
#define MALLOC_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/auxv.h>

#define PAGE ((size_t)getauxval(AT_PAGESZ)) /* the kernel's: 4096 to 65536 bytes */

/* New memory, readable and writable, or neither, at a multiple of `alignment`, a power of two. NULL if there is none. */
void *system_map(size_t size, size_t alignment, bool accessible);
void system_unmap(void *address, size_t size); /* none, where size is 0 */

/* It stays mapped, and reads as zero. */
void system_purge(void *address, size_t size);

/* From here on touching it is a fault, or no fault any more. */
void system_allow(void *address, size_t size, bool accessible);

/*
 * A description of `size` bytes, zeroed, at most 4096; they aren't given back, but kept in lists by who has them. NULL if
 * there is no memory. Under the lock of pages.
 */
void *system_describe(size_t size);

/* Says what is wrong with that pointer, and ends the process by SIGABRT. */
__attribute__((__noreturn__, __cold__)) void system_die(const char *what, const void *pointer);

/* Is RSEQKIT_MALLOC=guard in the environment, or =stats? That is looked at once: later threads may change it. */
bool system_wants_guards(void);
bool system_wants_stats(void);

/* Remembers which file stderr is. At the start: whether that will be asked isn't known yet, for there may be no environment. */
void system_keep_stderr(void);

/* Is it the same one still? A program that closed it may have a file of its own there. */
bool system_has_same_stderr(void);

#endif /* MALLOC_SYSTEM_H */
