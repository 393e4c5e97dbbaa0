/* SPDX-License-Identifier: MIT */
/*
 * plot.h - pictures of the figures, by gnuplot: BENCH-ratio and, where a bench was measured with more than one number
 * of threads, BENCH-threads; each as .svg and .png.
 */
#ifndef RK_TOOL_BENCH_PLOT_H
#define RK_TOOL_BENCH_PLOT_H

#include "figures.h"

/* Is gnuplot here? Complains and returns false if it isn't; asked before a minute is spent on measuring. */
bool plot_can(void);

/* Makes all pictures in the folder. `list`: tells on stdout which. Complains and returns false if that fails. */
bool plot_figures(const struct figures *figures, const char *folder, bool list);

#endif /* RK_TOOL_BENCH_PLOT_H */
