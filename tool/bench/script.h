/* SPDX-License-Identifier: MIT */
/*
 * script.h - describes pictures of the figures of `rseqkit bench` in gnuplot's language.
 *
 * The invariant: the only paths in the script are /proc/self/fd/N of open files. In texts, each character that could have a
 * meaning in gnuplot is written as its number. So no text can end its quotes or be executed. A series is the bars of one number
 * of threads, or the line of one contender, which is one of the ways to do the bench's job. Series differ in patterns and shapes
 * as well as in colours, so they are also distinct in black and white.
 */
#ifndef RK_TOOL_BENCH_SCRIPT_H
#define RK_TOOL_BENCH_SCRIPT_H

#include <stdio.h>

#include "figures.h"

/* The pictures of a bench. The picture BENCH-threads is made only if figures_has_threads() returns true. */
enum picture { PICTURE_RATIO_SVG, PICTURE_RATIO_PNG, PICTURE_THREADS_SVG, PICTURE_THREADS_PNG, PICTURES };

/*
 * Writes the script for a bench. Each picture goes to a file that is already open in gnuplot's process: outputs[PICTURES] has
 * the descriptors.
 */
void script_write(FILE *script, const struct figures *figures, const struct figures_bench *bench, const int *outputs);

#endif /* RK_TOOL_BENCH_SCRIPT_H */
