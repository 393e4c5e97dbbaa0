/* SPDX-License-Identifier: MIT */
/*
 * system.h - gets memory from the kernel, allocates the descriptions of spans (spans.h), chunks (pages.h) and large objects
 * (large.h), reads the environment, and ends programs that misuse memory.
 *
 * The functions of this file can change errno. malloc.c saves errno and restores it.
 */
#ifndef MALLOC_SYSTEM_H
#define MALLOC_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include "os/kernel.h"

#define PAGE rk_page_size() /* the kernel's page: 4096 to 65536 bytes */

static inline size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Returns new memory at a multiple of `alignment`, a power of two. If `accessible`, the memory is readable and writable.
 * Otherwise every access faults. Returns NULL if there is no memory.
 */
void *system_map(size_t size, size_t alignment, bool accessible);
void system_unmap(void *address, size_t size); /* does nothing if size is 0 */

/*
 * Returns pages to the kernel. They stay mapped, and read as zero. Returns false if the kernel refuses. Then the pages keep their
 * memory, and their first byte changes.
 */
bool system_purge(void *address, size_t size);

/* With `accessible`, makes memory accessible. Otherwise makes every access to the memory fault. */
void system_allow(void *address, size_t size, bool accessible);

/*
 * Returns zeroed memory for a description of `size` bytes, at most 4096. Descriptions are never freed: their users keep them
 * in lists. Returns NULL if there is no memory. The caller holds the lock of pages.
 */
void *system_describe(size_t size);

/*
 * memset() and memcpy() for large objects: the C library's, if the constructor has called system_look_up(). The own ones of this
 * object (src/os/string.c) are slower.
 */
extern void *(*system_fill)(void *at, int byte, size_t size);
extern void *(*system_copy)(void *restrict to, const void *restrict from, size_t size);
void system_look_up(void);

/* Prints `what`, the mistake of the program, and the pointer. Ends the process by SIGABRT. */
__attribute__((__noreturn__, __cold__)) void system_die(const char *what, const void *pointer);

/*
 * Returns whether RSEQKIT_MALLOC in the environment contains "guard" (GUARDS) or "stats" (STATS). With "guard", an inaccessible
 * page ends each span of small objects, and follows each large object. With "stats", the process prints statistics when it
 * exits. The environment is read once, because threads can change it later.
 */
enum wish { GUARDS = 2, STATS = 4 };
bool system_wants(enum wish wish);

/*
 * Remembers which file stderr is, for system_has_same_stderr(). The allocator calls this function at its start, even if it
 * won't print statistics: it may be unable to read RSEQKIT_MALLOC yet.
 */
void system_keep_stderr(void);

/*
 * Returns whether stderr is still the file that it was at the start. The program may have closed stderr, and then opened
 * another file with the same descriptor.
 */
bool system_has_same_stderr(void);

#endif /* MALLOC_SYSTEM_H */
