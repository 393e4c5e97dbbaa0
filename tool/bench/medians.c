/* SPDX-License-Identifier: MIT */
/*
 * medians.c - makes the figures of `rseqkit bench` from the best slice of each placement. A slice is one measured run of a
 * contender's loop. A placement is a copy of this loop at another address. The contender BENCH_NOTHING is an empty loop.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned count)
{
	qsort(values, count, sizeof(values[0]), compare_doubles);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static void make_figure(const struct bench_run *run, struct bench_cell *cell)
{
	double all[BENCH_MODES * BENCH_PLACEMENTS_MAX];
	unsigned count = 0;

	for (unsigned mode = 0; mode < BENCH_MODES; mode++) {
		memcpy(all + count, cell->best[mode], run->placements * sizeof(all[0]));
		cell->figure.mode_median[mode] = median(all + count, run->placements);
		count += run->placements;
	}
	cell->figure.median = median(all, count);
	cell->figure.min = all[0];
	cell->figure.max = all[count - 1];
}

/* Computes how much longer each contender takes than BENCH_NOTHING, if the bench has that contender. */
static void make_added(const struct bench_run *run, struct bench_group *group)
{
	const struct bench_cell *nothing = NULL;

	for (unsigned i = 0; i < group->bench->contender_count; i++)
		if (strcmp(group->bench->contenders[i].name, BENCH_NOTHING) == 0 && bench_is_available(group, i))
			nothing = &group->cells[i];
	for (unsigned i = 0; nothing != NULL && i < group->bench->contender_count; i++) {
		struct bench_cell *cell = &group->cells[i];
		double all[BENCH_MODES * BENCH_PLACEMENTS_MAX];
		unsigned count = 0;

		if (cell == nothing || !bench_is_available(group, i))
			continue;
		for (unsigned mode = 0; mode < BENCH_MODES; mode++)
			for (unsigned placement = 0; placement < run->placements; placement++)
				all[count++] = cell->best[mode][placement] - nothing->best[mode][placement];
		cell->added.median = median(all, count);
		cell->added.min = all[0];
		cell->added.max = all[count - 1];
		cell->added.there = true;
	}
}

void bench_make_figures(struct bench_run *run)
{
	for (unsigned i = 0; i < run->group_count; i++) {
		for (unsigned j = 0; j < run->groups[i].bench->contender_count; j++)
			make_figure(run, &run->groups[i].cells[j]);
		make_added(run, &run->groups[i]);
	}
}
