/* SPDX-License-Identifier: MIT */
/* mode.c - see mode.h. */
#include "mode.h"

#include <stddef.h>

/* No header declares this variable, because only debuggers read it. */
__attribute__((__visibility__("default"))) char librseqkit_malloc_mode[] = "no cache needed yet";

static const char *const names[] = {
	[HEAP_UNUSED] = "no cache needed yet",
	[HEAP_CACHED] = "per-CPU caches",
	[HEAP_LIMITED] = "no caches: limit",
	[HEAP_LACKING] = "no caches: memory",
};

const char *mode_name(enum heap_mode mode)
{
	return names[mode];
}

/* Threads that race write the same text, or a text that was right a moment before. */
void mode_publish(enum heap_mode mode)
{
	for (size_t i = 0; i < sizeof(librseqkit_malloc_mode); i++)
		if ((librseqkit_malloc_mode[i] = names[mode][i]) == '\0')
			break;
}
