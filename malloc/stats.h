/* SPDX-License-Identifier: MIT */
/* stats.h - what is told of the allocator to who looks at it from outside. */
#ifndef MALLOC_STATS_H
#define MALLOC_STATS_H

#include "heap.h"

#pragma GCC visibility push(hidden)

/* Remembers what stderr is. */
void stats_begin(void);

/* For debuggers. */
void stats_set_mode(enum heap_mode mode);

#pragma GCC visibility pop

#endif /* MALLOC_STATS_H */
