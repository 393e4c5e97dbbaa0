/* SPDX-License-Identifier: MIT */
/*
 * page.h - the report: one page of HTML that needs nothing else, with charts, tables and what follows from them.
 *
 * The invariant: what the page says it computes from the figures. All text of a report goes through html_put(), and the
 * page forbids the browser to load or run anything.
 */
#ifndef RK_TOOL_BENCH_PAGE_H
#define RK_TOOL_BENCH_PAGE_H

#include <stdio.h>

#include "figures.h"

/* Writes index.html into the folder. `list`: tells so on stdout. Complains and returns false if that fails. */
bool page_write(const struct figures *figures, const char *folder, bool list);

/* conclude.c: what follows from the figures of a bench, in sentences. */
void page_conclude(FILE *page, const struct figures *figures, const struct figures_bench *bench);

/* chart.c: ratios as bars, and costs over the number of threads as lines; patterns and shapes are defined once. */
void page_chart_shapes(FILE *page);
void page_chart_ratios(FILE *page, const struct figures *figures, const struct figures_bench *bench);
void page_chart_threads(FILE *page, const struct figures_bench *bench);

#endif /* RK_TOOL_BENCH_PAGE_H */
