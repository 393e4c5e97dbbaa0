/* SPDX-License-Identifier: MIT */
/*
 * count.h - the job of the demo: several threads count events of a text, one add per event.
 *
 * Events are bytes by value, ends of lines, words, and words by length. A word is a run of bytes that aren't white space and
 * contain at least one printable character in the C locale. That is GNU wc's definition. The length of a word is the length
 * of the run.
 */
#ifndef RK_TOOL_DEMO_COUNT_H
#define RK_TOOL_DEMO_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input.h"

#define DEMO_BYTE_VALUES 256
#define DEMO_LENGTHS 32 /* the last one counts words of this length and longer */

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
	uint64_t passes; /* times that the whole input is counted */
};

/* The maximum number of passes of a job. It keeps the product of passes and chunks from overflowing. */
#define DEMO_PASSES_MAX 1000000

/* Does the job. If threads or memory are short, prints a message and returns false. */
bool demo_count(enum demo_method method, const struct demo_job *job, struct demo_counts *counts, double *seconds);

/* Returns seconds of a monotonic clock. */
double demo_now(void);

#endif /* RK_TOOL_DEMO_COUNT_H */
