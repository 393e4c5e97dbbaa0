/* SPDX-License-Identifier: MIT */
/*
 * count.h - the job of the demo: several threads count events of a text, one add per event.
 *
 * Events are bytes by value, ends of lines, words, and words by length. A word is a run of bytes that aren't white
 * space, with at least one printable character, in the C locale; that is GNU wc's definition. Its length is the length
 * of the run.
 */
#ifndef RK_TOOL_DEMO_COUNT_H
#define RK_TOOL_DEMO_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input.h"

#define DEMO_BYTE_VALUES 256
#define DEMO_LENGTHS 32 /* the last one is for words of this length and longer */

enum demo_event {
	DEMO_BYTE = 0,                              /* + its value */
	DEMO_LENGTH = DEMO_BYTE + DEMO_BYTE_VALUES, /* + the word's length - 1 */
	DEMO_LINE = DEMO_LENGTH + DEMO_LENGTHS,
	DEMO_WORD,
	DEMO_EVENTS
};

struct demo_counts {
	uint64_t of[DEMO_EVENTS];
};

enum demo_method { DEMO_RSEQKIT, DEMO_SHARED_ATOMIC, DEMO_MUTEX, DEMO_METHODS };

const char *demo_method_name(enum demo_method method);

struct demo_job {
	const struct demo_input *input;
	unsigned threads;
	size_t chunk;    /* bytes that a thread takes at a time */
	uint64_t passes; /* how many times all of the input is counted */
};

/* The most passes that a job may have, so that no product of passes and chunks overflows. */
#define DEMO_PASSES_MAX 1000000

/* Does the job. Returns false, after complaining, if threads or memory can't be had. */
bool demo_count(enum demo_method method, const struct demo_job *job, struct demo_counts *counts, double *seconds);

/* A monotonic clock. */
double demo_now(void);

#endif /* RK_TOOL_DEMO_COUNT_H */
