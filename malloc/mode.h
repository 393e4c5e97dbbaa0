/* SPDX-License-Identifier: MIT */
/* mode.h - the mode that the allocator runs in, for readers outside of the process. */
#ifndef MALLOC_MODE_H
#define MALLOC_MODE_H

#pragma GCC visibility push(hidden)

/* How objects are had: of caches, or without any. */
enum heap_mode {
	HEAP_UNUSED,
	HEAP_CACHED,
	HEAP_LIMITED, /* a limit on address space is too low for them */
	HEAP_LACKING  /* there was no memory or address space for one, and it is tried again */
};

/* The text of the word librseqkit_malloc_mode, which debuggers and readers of core files look at. */
const char *mode_name(enum heap_mode mode);

/* Writes that word. */
void mode_publish(enum heap_mode mode);

#pragma GCC visibility pop

#endif /* MALLOC_MODE_H */
