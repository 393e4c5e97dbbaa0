/* SPDX-License-Identifier: MIT */
/*
 * bench_report.c - prints the figures of `rseqkit bench` as tables. A contender is one of the ways to do a bench's job, and a
 * group is a bench with one number of threads. The contender BENCH_NOTHING is a loop without an operation.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <string.h>

#include "common/output.h"
#include "explain.h"
#include "tool.h"

#define BAR_WIDTH 24
#define BAR_LEAST 8

void bench_print_list(const struct bench_run *run)
{
	for (unsigned i = 0; i < run->count; i++) {
		const struct bench *bench = &run->benches[i];

		printf("%-14s %s:", bench->name, bench->what);
		for (unsigned j = 0; j < bench->contender_count; j++)
			printf("%s %s", j == 0 ? "" : ",", bench->contenders[j].name);
		putchar('\n');
	}
}

/*
 * With 40 columns, a table has medians and ratios; with 63, also spreads; with 83, all figures. With more, it also has bars.
 */
enum room { ROOM_FOR_RATIO = 40, ROOM_FOR_SPREAD = 63, ROOM_FOR_ALL = 83 };

static enum room room(void)
{
	int columns = output_columns(stdout);

	return columns == 0 || columns >= ROOM_FOR_ALL ? ROOM_FOR_ALL :
	       columns >= ROOM_FOR_SPREAD	       ? ROOM_FOR_SPREAD :
							 ROOM_FOR_RATIO;
}

static int name_width(void)
{
	return room() == ROOM_FOR_RATIO ? 18 : 22;
}

static int bar_width(void)
{
	int columns = output_columns(stdout), left = columns - (int)room() - 2;

	return columns == 0 || left > BAR_WIDTH ? BAR_WIDTH : left;
}

/* Prints a time in a column of 9 characters. If its decimals don't fit, prints it without them. */
static void print_ns(double ns)
{
	printf("%9.*f ", ns < 99999 && ns > -9999 ? 3 : 0, ns);
}

/* Does the table show the time that contenders take more than BENCH_NOTHING? */
static bool shows_added(const struct bench_group *group)
{
	for (unsigned i = 0; i < group->bench->contender_count; i++)
		if (group->cells[i].added.there)
			return true;
	return false;
}

/* Prints the last column, and before it two columns if there is room for all figures (ROOM_FOR_ALL). */
static void print_comparison(const struct bench_cell *cell, double reference, bool adds)
{
	const struct bench_figure *f = &cell->figure;

	if (room() == ROOM_FOR_ALL && adds && !cell->added.there) {
		printf("%9s %9s ", "-", "-");
	} else if (room() == ROOM_FOR_ALL) {
		print_ns(adds ? cell->added.min : f->mode_median[BENCH_PIE]);
		print_ns(adds ? cell->added.max : f->mode_median[BENCH_NON_PIE]);
	}
	if (adds && cell->added.there)
		printf("%8.*f", cell->added.median < 99999 ? 2 : 0,
		       cell->added.median > -0.005 && cell->added.median < 0 ? 0 : cell->added.median);
	else if (!adds && reference > 0)
		printf("%8.2f", f->median / reference);
	else
		printf("%8s", "-");
}

static void print_row(const struct bench_group *group, unsigned contender, double reference, double greatest)
{
	const struct bench_contender *what = &group->bench->contenders[contender];
	const struct bench_figure *f = &group->cells[contender].figure;
	char name[sizeof(what->name) + 2];

	snprintf(name, sizeof(name), "%s%s", what->name, explain_does_job(group->bench->name, what->name) ? "" : " *");
	if (!bench_is_available(group, contender)) {
		printf("  %-*s ", name_width(), name);
		print_line(stdout, name_width() + 3, 0, "%s", group->cells[contender].unavailable);
		return;
	}
	printf("  %-*s ", name_width(), name);
	print_ns(f->median);
	if (room() >= ROOM_FOR_SPREAD) {
		print_ns(f->min);
		print_ns(f->max);
	}
	print_comparison(&group->cells[contender], reference, shows_added(group));
	if (bar_width() >= BAR_LEAST) {
		printf("  ");
		print_bar(f->median, greatest, bar_width());
	}
	putchar('\n');
}

static void print_heads(bool adds)
{
	printf("  %-*s %9s ", name_width(), "", "median");
	if (room() >= ROOM_FOR_SPREAD)
		printf("%9s %9s ", "min", "max");
	if (room() == ROOM_FOR_ALL)
		printf("%9s %9s ", adds ? "added min" : "PIE", adds ? "max" : "non-PIE");
	printf("%8s\n", adds ? "added" : "ratio");
}

/* Prints the private memory that contenders take, if it was measured. */
static void print_memory(const struct bench_group *group)
{
	char text[1024] = "";
	size_t length = 0;

	for (unsigned i = 0; i < group->bench->contender_count; i++) {
		double kib = group->cells[i].kib;
		const char *name = group->bench->contenders[i].name;

		if (!group->cells[i].has_memory || length >= sizeof(text))
			continue;
		length += (size_t)(kib < 0 ? snprintf(text + length, sizeof(text) - length, "; %s unknown", name) :
					     snprintf(text + length, sizeof(text) - length, "; %s %.0f", name, kib));
	}
	if (length > 0)
		print_line(stdout, 0, 2, "  private memory in KiB: %s", text + 2);
}

static void print_group(const struct bench_run *run, const struct bench_group *group)
{
	/* Each median is divided by the median of the first contender, which is rseqkit. */
	double reference = bench_is_available(group, 0) ? group->cells[0].figure.median : 0, greatest = 0;
	char title[160];

	for (unsigned i = 0; i < group->bench->contender_count; i++)
		if (bench_is_available(group, i) && group->cells[i].figure.median > greatest)
			greatest = group->cells[i].figure.median;
	snprintf(title, sizeof(title), "%s: %s, %u thread%s", group->bench->name, group->bench->what, group->threads,
		 group->threads == 1 ? "" : "s");
	print_coloured(COLOUR_BOLD, title);
	putchar('\n');
	print_line(stdout, 0, 2, "  rounds %u, rseq owned by %s", group->rounds,
		   run->owners[group->bench->contenders[0].environment]);
	if (group->rounds < BENCH_ROUNDS_FEW && greatest > 0) {
		snprintf(title, sizeof(title), "  only %u round%s, so figures are noisy; raise --time\n",
			 group->rounds, group->rounds == 1 ? "" : "s");
		print_coloured(COLOUR_YELLOW, title);
	}
	print_heads(shows_added(group));
	for (unsigned i = 0; i < group->bench->contender_count; i++)
		print_row(group, i, reference, greatest);
	print_memory(group);
	putchar('\n');
}

void bench_print_text(const struct bench_run *run)
{
	char model[128], text[1024];

	bench_processor(model, sizeof(model));
	snprintf(text, sizeof(text),
		 "Nanoseconds of CPU time per operation: median, min and max over %u code placements\n"
		 "(%u in a PIE, %u in a non-PIE program), each with its best round. The ratio is the\n"
		 "median divided by that of the first contender. A contender with a * doesn't do the\n"
		 "job, and is listed for comparison only. A column with the name added has the time\n"
		 "minus that of the contender nothing. CPUs: %u, %s\n%s\n",
		 BENCH_MODES * run->placements, run->placements, run->placements, run->cpus, model[0] ? model : "unknown",
		 room() == ROOM_FOR_ALL ? "" : "A wider terminal, or --json, shows all figures.\n");
	for (char *c = text; room() != ROOM_FOR_ALL && *c != '\0'; c++)
		if (*c == '\n' && c[1] != '\n' && c[1] != '\0')
			*c = ' ';
	print_wrapped(stdout, 0, 0, text);
	for (unsigned i = 0; i < run->group_count; i++)
		print_group(run, &run->groups[i]);
}
