/* SPDX-License-Identifier: MIT */
/*
 * conclude.c - what follows from the figures of a bench, in sentences (page.h).
 *
 * Nothing here knows what a contender is. Two whose spreads overlap are said to take about as long, whatever their
 * medians; a figure of few rounds, or a reference that varies by its placement, is said to be that.
 */
#define _GNU_SOURCE
#include "page.h"

#include <stdlib.h>
#include <string.h>

#define SPREAD_WIDE 1.25 /* greatest by least */
#define SCALES 1.15	 /* what takes no longer than this, with more threads, is said to scale */

/* A contender beside the reference. */
struct rival {
	const char *name;
	double ratio;
	int side; /* -1: takes less, 0: about as long, 1: more */
};

static int compare_rivals(const void *a, const void *b)
{
	double x = ((const struct rival *)a)->ratio, y = ((const struct rival *)b)->ratio;

	return (x > y) - (x < y);
}

static unsigned find_rivals(const struct figures_bench *bench, const struct figures_group *group, struct rival *rivals)
{
	const struct figure *ours = &group->figures[group->reference];
	unsigned count = 0;

	for (unsigned j = 0; j < bench->contender_count; j++) {
		const struct figure *f = &group->figures[j];

		if ((int)j != group->reference && figure_is_there(f))
			rivals[count++] = (struct rival){bench->contenders[j].name, f->median / ours->median,
							 f->max < ours->min ? -1 : f->min > ours->max ? 1 : 0};
	}
	qsort(rivals, count, sizeof(rivals[0]), compare_rivals);
	return count;
}

/* The rivals of one side, with their ratios, as a sentence; nothing if there are none. */
static void put_side(FILE *page, const char *beginning, const struct rival *rivals, unsigned count, int side)
{
	const char *before = beginning;
	char ratio[32];

	for (unsigned i = 0; i < count; i++) {
		if (rivals[i].side != side)
			continue;
		fputs(before, page);
		page_put(page, rivals[i].name);
		fprintf(page, " (%s)", figures_ratio(rivals[i].ratio, ratio));
		before = ", ";
	}
	if (before != beginning)
		fputs(".", page);
}

static void put_threads(FILE *page, unsigned threads)
{
	fprintf(page, "%u thread%s", threads, threads == 1 ? "" : "s");
}

static void put_comparison(FILE *page, const struct figures_bench *bench, const struct figures_group *group)
{
	const struct figure *ours = &group->figures[group->reference];
	struct rival rivals[BENCH_CONTENDERS_MAX];
	unsigned count = find_rivals(bench, group, rivals);

	fputs("<li><strong>", page);
	put_threads(page, group->threads);
	fputs(":</strong> ", page);
	page_put(page, bench->contenders[group->reference].name);
	fprintf(page, " takes %.3g ns (%.3g to %.3g).", ours->median, ours->min, ours->max);
	put_side(page, " Less: ", rivals, count, -1);
	put_side(page, " About as long, with spreads that overlap: ", rivals, count, 0);
	put_side(page, " More: ", rivals, count, 1);
	fputs("</li>\n", page);
}

/* How much longer each contender takes with the threads of `to` than with those of `from`. */
static void put_scaling(FILE *page, const struct figures_bench *bench, const struct figures_group *from,
			const struct figures_group *to)
{
	struct rival grown[BENCH_CONTENDERS_MAX];
	unsigned count = 0;

	for (unsigned j = 0; j < bench->contender_count; j++)
		if (figure_is_there(&from->figures[j]) && figure_is_there(&to->figures[j])) {
			grown[count] = (struct rival){bench->contenders[j].name,
						      to->figures[j].median / from->figures[j].median, 0};
			grown[count].side = grown[count].ratio > SCALES ? 1 : 0;
			count++;
		}
	if (count == 0)
		return;
	qsort(grown, count, sizeof(grown[0]), compare_rivals);
	fputs("<li><strong>From ", page);
	put_threads(page, from->threads);
	fprintf(page, " to %u:</strong> an operation takes", to->threads);
	put_side(page, " about as long, at most 1.15 times: ", grown, count, 0);
	put_side(page, grown[0].side == 0 ? " Longer: " : " longer: ", grown, count, 1);
	fputs("</li>\n", page);
}

/* What is weak in these figures. */
static void put_doubts(FILE *page, const struct figures_bench *bench, const struct figures_group *group)
{
	const struct figure *ours = &group->figures[group->reference];

	if (group->rounds < BENCH_ROUNDS_FEW) {
		fputs("<li class='doubt'>With ", page);
		put_threads(page, group->threads);
		fprintf(page, " there %s only %u round%s: more time finds more undisturbed moments.</li>\n",
			group->rounds == 1 ? "was" : "were", group->rounds, group->rounds == 1 ? "" : "s");
	}
	if (ours->max > SPREAD_WIDE * ours->min) {
		fputs("<li class='doubt'>With ", page);
		put_threads(page, group->threads);
		fputs(", ", page);
		page_put(page, bench->contenders[group->reference].name);
		fprintf(page,
			" takes %.2f times as long at its worst placement as at its best: a difference below that says "
			"little.</li>\n",
			ours->max / ours->min);
	}
}

void page_conclude(FILE *page, const struct figures *figures, const struct figures_bench *bench)
{
	const struct figures_group *groups[FIGURES_SERIES_MAX];
	unsigned count = figures_choose(figures, bench, groups);

	fputs("<ul class='conclusions'>\n", page);
	for (unsigned i = 0; i < count; i++)
		put_comparison(page, bench, groups[i]);
	if (count > 1)
		put_scaling(page, bench, groups[0], groups[count - 1]);
	for (unsigned i = 0; i < count; i++)
		put_doubts(page, bench, groups[i]);
	for (unsigned j = 0; j < bench->contender_count; j++)
		if (!figures_has(bench, j)) {
			fputs("<li class='doubt'>Not compared: ", page);
			page_put(page, bench->contenders[j].name);
			if (bench->contenders[j].unavailable[0] != '\0') {
				fputs(" (", page);
				page_put(page, bench->contenders[j].unavailable);
				fputs(")", page);
			}
			fputs(".</li>\n", page);
		}
	fputs("</ul>\n", page);
}

void page_summarise(FILE *page, const struct figures_bench *bench)
{
	const struct figures_group *group = NULL;
	struct rival rivals[BENCH_CONTENDERS_MAX];
	char ratio[32];
	unsigned count;

	for (unsigned i = 0; i < bench->group_count && group == NULL; i++)
		if (bench->groups[i].reference >= 0)
			group = &bench->groups[i];
	fputs("<li><a href=\"#bench-", page);
	page_put(page, bench->name);
	fputs("\">", page);
	page_put(page, bench->name);
	fputs("</a>: ", page);
	if (group == NULL) {
		fputs("nothing could be measured.</li>\n", page);
		return;
	}
	count = find_rivals(bench, group, rivals);
	page_put(page, bench->contenders[group->reference].name);
	fprintf(page, " takes %.3g ns.", group->figures[group->reference].median);
	if (count > 0) {
		fputs(count > 1 ? " The fastest of the others: " : " The other: ", page);
		page_put(page, rivals[0].name);
		fprintf(page, " (%s)", figures_ratio(rivals[0].ratio, ratio));
	}
	if (count > 1) {
		fputs("; the slowest: ", page);
		page_put(page, rivals[count - 1].name);
		fprintf(page, " (%s)", figures_ratio(rivals[count - 1].ratio, ratio));
	}
	fputs(count > 0 ? ".</li>\n" : "</li>\n", page);
}
