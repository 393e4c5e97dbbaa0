/* SPDX-License-Identifier: MIT */
/*
 * system.h - memory from the kernel, memory for descriptions, and the end of programs that misuse memory.
 *
 * These functions may change errno. malloc.c saves and restores it.
 */
#ifndef MALLOC_SYSTEM_H
#define MALLOC_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/auxv.h>

#define PAGE ((size_t)getauxval(AT_PAGESZ)) /* the kernel's page: 4096 to 65536 bytes */

/*
 * Returns new memory at a multiple of `alignment`, a power of two. It is readable and writable, or neither. NULL if there is
 * none.
 */
void *system_map(size_t size, size_t alignment, bool accessible);
void system_unmap(void *address, size_t size); /* does nothing if size is 0 */

/* Frees the memory's contents. The memory stays mapped, and reads as zero. */
void system_purge(void *address, size_t size);

/* Makes memory accessible, or makes any access a fault. */
void system_allow(void *address, size_t size, bool accessible);

/*
 * Returns zeroed memory for a description of `size` bytes, at most 4096. Descriptions are never given back: their users keep
 * them in lists. Returns NULL if there is no memory. The caller holds the lock of pages.
 */
void *system_describe(size_t size);

/* Prints what is wrong with that pointer, and ends the process by SIGABRT. */
__attribute__((__noreturn__, __cold__)) void system_die(const char *what, const void *pointer);

/*
 * Does RSEQKIT_MALLOC in the environment contain "guard", or "stats"? The environment is read once, because threads may change
 * it later.
 */
bool system_wants_guards(void);
bool system_wants_stats(void);

/*
 * Remembers which file stderr is. Called at the start, when the environment may not exist yet. So it isn't known yet whether
 * the file will be compared.
 */
void system_keep_stderr(void);

/* Is stderr still the same file? A program that closed it may have opened another file there. */
bool system_has_same_stderr(void);

#endif /* MALLOC_SYSTEM_H */
