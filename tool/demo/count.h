/* SPDX-License-Identifier: MIT */
/*
 * count.h - the job of `rseqkit demo`: several threads count the events of a text, with one add to a counter for each event.
 *
 * The events are bytes (a counter for each value), ends of lines, and words (one counter for all, and a counter for each length).
 * A run is a sequence of bytes that aren't white space. A word is a run with at least one byte that is printable in the C locale,
 * as for GNU wc. The length of a word is the number of bytes of its run.
 */
#ifndef RK_TOOL_DEMO_COUNT_H
#define RK_TOOL_DEMO_COUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "input.h"

#define DEMO_BYTE_VALUES 256
#define DEMO_LENGTHS 32 /* the last counter is for words of at least this length */

enum demo_event {
	DEMO_BYTE = 0,                              /* DEMO_BYTE plus the byte's value */
	DEMO_LENGTH = DEMO_BYTE + DEMO_BYTE_VALUES, /* DEMO_LENGTH plus the word's length - 1 */
	DEMO_LINE = DEMO_LENGTH + DEMO_LENGTHS,
	DEMO_WORD,
	DEMO_EVENTS
};

struct demo_counts {
	uint64_t of[DEMO_EVENTS];
};

/* The methods of counting: per-CPU counters of rseqkit, counters that all threads share and add to atomically, or a mutex. */
enum demo_method { DEMO_RSEQKIT, DEMO_SHARED_ATOMIC, DEMO_MUTEX, DEMO_METHODS };

const char *demo_method_name(enum demo_method method);

struct demo_job {
	const struct demo_input *input;
	unsigned threads;
	size_t chunk;    /* how many bytes of the input a thread takes at a time */
	uint64_t passes; /* how often the whole input is counted */
};

/* The maximum number of passes of a job. With this limit, the product of passes and chunks can't overflow. */
#define DEMO_PASSES_MAX 1000000

/* Does the job. If a thread can't be started, or memory is short, prints a message and returns false. */
bool demo_count(enum demo_method method, const struct demo_job *job, struct demo_counts *counts, double *seconds);

/* Returns the time of a monotonic clock, in seconds. */
double demo_now(void);

#endif /* RK_TOOL_DEMO_COUNT_H */
