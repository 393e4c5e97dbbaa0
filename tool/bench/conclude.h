/* SPDX-License-Identifier: MIT */
/* conclude.h - what follows from figures, in sentences: for the text and for the page. */
#ifndef RK_TOOL_BENCH_CONCLUDE_H
#define RK_TOOL_BENCH_CONCLUDE_H

#include "figures.h"

#define CONCLUSION_SIZE 640

/* A bench in one line, in text[CONCLUSION_SIZE]: with its least and its greatest number of threads. */
const char *conclude_bench(const struct figures_bench *bench, char *text);

/* How these lines are to be read; fits in a line of a page, not of a terminal. */
extern const char conclude_legend[];

/*
 * What makes all figures of a run doubtful, in text[CONCLUSION_SIZE]: a busy machine, few rounds. Returns false if there is
 * nothing.
 */
bool conclude_doubt(const struct figures *figures, char *text);

/* Prints both on stdout, for a terminal of 80 columns. */
void conclude_print(const struct figures *figures);

#endif /* RK_TOOL_BENCH_CONCLUDE_H */
