/* SPDX-License-Identifier: MIT */
/*
 * page.h - the report of `rseqkit bench --report`: one self-contained page of HTML with charts, tables and conclusions.
 *
 * The invariant: all conclusions are computed from the figures. All text that comes from the JSON is written by html_put(), and
 * the page forbids the browser to load or run anything.
 */
#ifndef RK_TOOL_BENCH_PAGE_H
#define RK_TOOL_BENCH_PAGE_H

#include <stdio.h>

#include "figures.h"

/*
 * Writes index.html into the folder. With `list`, also prints the file's path. On failure, prints a message and returns
 * false.
 */
bool page_write(const struct figures *figures, const char *folder, bool list);

/* conclude.c: writes the conclusions for a bench as a list of sentences. */
void page_conclude(FILE *page, const struct figures *figures, const struct figures_bench *bench);

/* chart.c: defines the patterns and shapes of all charts. Call it once for a page. */
void page_chart_shapes(FILE *page);

/* chart.c: draws ratios as bars. */
void page_chart_ratios(FILE *page, const struct figures *figures, const struct figures_bench *bench);

/* chart.c: draws costs over the number of threads as lines. */
void page_chart_threads(FILE *page, const struct figures_bench *bench);

#endif /* RK_TOOL_BENCH_PAGE_H */
