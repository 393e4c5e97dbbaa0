/* SPDX-License-Identifier: MIT */
/*
 * script.h - pictures of the figures, in gnuplot's language.
 *
 * The invariant: no path is part of it, and all text is in single quotes, in which gnuplot interprets nothing. Series
 * differ in patterns and shapes as well as in colours, so that they can be told apart in black and white, too.
 */
#ifndef RK_TOOL_BENCH_SCRIPT_H
#define RK_TOOL_BENCH_SCRIPT_H

#include <stdio.h>

#include "figures.h"

/* Writes what makes all of them, as .svg and .png in the current folder. */
void script_write(FILE *script, const struct figures *figures);

#endif /* RK_TOOL_BENCH_SCRIPT_H */
