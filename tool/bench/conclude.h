/* SPDX-License-Identifier: MIT */
/*
 * conclude.h - writes conclusions from the figures of `rseqkit bench` as sentences, for the text output and for the page of
 * --report (page.h).
 */
#ifndef RK_TOOL_BENCH_CONCLUDE_H
#define RK_TOOL_BENCH_CONCLUDE_H

#include "figures.h"

#define CONCLUSION_SIZE 960

/*
 * Writes the conclusions for a bench, with its least and its greatest number of threads, into text[CONCLUSION_SIZE] as one line.
 * Returns `text`.
 */
const char *conclude_bench(const struct figures_bench *bench, char *text);

/* Explains the lines of conclude_bench(). The text fits in one line of a page, but not of a terminal. */
extern const char conclude_legend[];

/*
 * Writes into text[CONCLUSION_SIZE] why the figures of the run are doubtful: a busy machine, or few rounds. Returns false if
 * there is no such reason.
 */
bool conclude_doubt(const struct figures *figures, char *text);

/* Prints all conclusions on stdout, for a terminal of at most 80 columns. */
void conclude_print(const struct figures *figures);

#endif /* RK_TOOL_BENCH_CONCLUDE_H */
