/* SPDX-License-Identifier: MIT */
/*
 * script.h - pictures of the figures, in gnuplot's language.
 *
 * The invariant: no path is part of it but those of open files, and of a text whatever could mean something to gnuplot is
 * there by its number alone, so that no text ends its quotes or is run. Series differ in patterns and shapes as well as
 * in colours, so that they can be told apart in black and white, too.
 */
#ifndef RK_TOOL_BENCH_SCRIPT_H
#define RK_TOOL_BENCH_SCRIPT_H

#include <stdio.h>

#include "figures.h"

/* The pictures of a bench; those of threads are made only if figures_has_threads(). */
enum picture { PICTURE_RATIO_SVG, PICTURE_RATIO_PNG, PICTURE_THREADS_SVG, PICTURE_THREADS_PNG, PICTURES };

/* Writes what makes them. Each goes into a file that is open in gnuplot's process, as outputs[PICTURES] tells. */
void script_write(FILE *script, const struct figures *figures, const struct figures_bench *bench, const int *outputs);

#endif /* RK_TOOL_BENCH_SCRIPT_H */
