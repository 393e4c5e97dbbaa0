/* SPDX-License-Identifier: MIT */
/* trace.h - the output of `rseqkit trace`: a line of JSON for each abort, or tables at the end. */
#ifndef RK_TOOL_TRACE_TRACE_H
#define RK_TOOL_TRACE_TRACE_H

#include "tracer.h"

/*
 * Looks for the symbol and the source line of a place, which is a file and an offset in it (sites.h). Writes the place as
 * "symbol+0x12 (source.c:34)", "file+0x56" or "0x78".
 */
void trace_describe(struct places *places, uint32_t place, char *text, size_t size);

/* Prints the tables, with all rows or with the most frequent ones. */
void trace_print_tables(struct tracer *tracer, bool all);

/*
 * trace_json_start() makes the first line of JSON, trace_json_abort() one line for an abort, and trace_json_summary() the last
 * line. trace_flush() writes the lines that were made.
 */
void trace_json_start(struct tracer *tracer);
tracer_abort trace_json_abort;
void trace_json_summary(struct tracer *tracer);
void trace_flush(struct tracer *tracer);

/* Returns a word for the end of the trace, such as "program". */
const char *trace_end_name(enum tracer_end end);

#endif /* RK_TOOL_TRACE_TRACE_H */
