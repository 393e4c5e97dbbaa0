/* SPDX-License-Identifier: MIT */
/* mode.h - the mode that the allocator runs in, for readers outside the process. */
#ifndef MALLOC_MODE_H
#define MALLOC_MODE_H

#pragma GCC visibility push(hidden)

/* Whether objects come from caches. */
enum heap_mode {
	HEAP_UNUSED,
	HEAP_CACHED,
	HEAP_LIMITED, /* the limit on address space is too low for caches */
	HEAP_LACKING  /* there was no memory or address space for caches when the process started */
};

/* The mode as text. Debuggers and readers of core files find it in librseqkit_malloc_mode. */
const char *mode_name(enum heap_mode mode);

/* Writes the text to librseqkit_malloc_mode. */
void mode_publish(enum heap_mode mode);

#pragma GCC visibility pop

#endif /* MALLOC_MODE_H */
