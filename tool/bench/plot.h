/* SPDX-License-Identifier: MIT */
/*
 * plot.h - makes pictures of the figures of `rseqkit bench` with gnuplot. The picture BENCH-ratio shows the ratios of a bench. If
 * the bench was measured with several numbers of threads, BENCH-threads shows its times. Each picture is a .svg file and a .png
 * file.
 */
#ifndef RK_TOOL_BENCH_PLOT_H
#define RK_TOOL_BENCH_PLOT_H

#include "figures.h"

/*
 * Can gnuplot be run? If not, prints a message and returns false. Call plot_can() before measuring, because measuring takes
 * about a minute.
 */
bool plot_can(void);

/*
 * Makes all pictures in the folder. With `list`, also prints the pictures' paths. On failure, prints a message and returns
 * false.
 */
bool plot_figures(const struct figures *figures, const char *folder, bool list);

#endif /* RK_TOOL_BENCH_PLOT_H */
