/* SPDX-License-Identifier: MIT */
/*
 * conclude.c - writes conclusions from the figures of a bench as sentences (conclude.h, page.h). A contender is one of the ways
 * to do the bench's job. A group has the figures of all contenders for one number of threads. A placement is a copy of a
 * contender's loop at another address.
 *
 * The reference is the bench's first contender with a figure, with which others are compared. A spread is the range from a
 * contender's least to its greatest figure over all placements. Two contenders whose spreads overlap count as equally fast,
 * whatever their medians. The text warns of figures from few rounds, and of a reference whose time depends much on its placement.
 * A contender that doesn't do the bench's job is never called the fastest: it is listed for comparison only.
 */
#define _GNU_SOURCE
#include "conclude.h"
#include "html.h"
#include "page.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "explain.h"
#include "load.h"

#define SPREAD_WIDE 1.25 /* a spread is reported if its greatest figure is more than this many times the least */
#define SCALES 1.15	 /* a contender takes "about as long" with more threads if its time grows by at most this factor */

/* A contender that is compared with the reference. */
struct rival {
	const char *name;
	double ratio;
	enum side { LESS, AS_LONG, MORE, NO_RIVAL } side; /* NO_RIVAL: the contender doesn't do the job */
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
							 !explain_does_job(bench->name, bench->contenders[j].name) ? NO_RIVAL :
							 f->max < ours->min ? LESS :
							 f->min > ours->max ? MORE : AS_LONG};
	}
	qsort(rivals, count, sizeof(rivals[0]), compare_rivals);
	return count;
}

/*
 * Writes a sentence with the rivals whose `side` is this one, for example the faster ones, and their ratios. If there are none,
 * writes nothing.
 */
static void put_side(FILE *page, const char *beginning, const struct rival *rivals, unsigned count, enum side side)
{
	const char *before = beginning;
	char ratio[32];

	for (unsigned i = 0; i < count; i++) {
		if (rivals[i].side != side)
			continue;
		fputs(before, page);
		html_put(page, rivals[i].name);
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
	char median[32], min[32], max[32];

	fputs("<li><strong>", page);
	put_threads(page, group->threads);
	fputs(":</strong> ", page);
	html_put(page, bench->contenders[group->reference].name);
	fprintf(page, " takes %s (%s to %s).", figures_time(ours->median, median),
		figures_time_as(ours->min, ours->median, min), figures_time_as(ours->max, ours->median, max));
	put_side(page, " Faster: ", rivals, count, LESS);
	put_side(page, " No clear difference (spreads overlap): ", rivals, count, AS_LONG);
	put_side(page, " Slower: ", rivals, count, MORE);
	put_side(page, " For comparison only: ", rivals, count, NO_RIVAL);
	fputs("</li>\n", page);
}

/* Writes the time that contenders take more than BENCH_NOTHING, and their private memory, if these were measured. */
static void put_more(FILE *page, const struct figures_bench *bench, const struct figures_group *group)
{
	const char *before = "<li>Added to the time of a loop without the operation:";
	char median[32], min[32], max[32];
	bool some = false;

	for (unsigned j = 0; j < bench->contender_count; j++) {
		const struct bench_added *added = &group->figures[j].added;

		if (!added->there)
			continue;
		fprintf(page, "%s ", some ? "," : before);
		html_put(page, bench->contenders[j].name);
		fprintf(page, " %s (%s to %s)", figures_difference(added->median, median),
			figures_difference(added->min, min), figures_difference(added->max, max));
		some = true;
	}
	fputs(some ? ".</li>\n" : "", page);
	some = false;
	for (unsigned j = 0; j < bench->contender_count; j++) {
		if (!figure_is_there(&group->figures[j]) || group->figures[j].kib < 0)
			continue;
		fputs(some ? ", " : "<li>Private memory, in KiB: ", page);
		html_put(page, bench->contenders[j].name);
		fprintf(page, " %.0f", group->figures[j].kib);
		some = true;
	}
	fputs(some ? ".</li>\n" : "", page);
}

/* Writes how much longer each contender takes in the group `to` than in the group `from`, which has fewer threads. */
static void put_scaling(FILE *page, const struct figures_bench *bench, const struct figures_group *from,
			const struct figures_group *to)
{
	struct rival grown[BENCH_CONTENDERS_MAX];
	unsigned count = 0;

	for (unsigned j = 0; j < bench->contender_count; j++)
		if (figure_is_there(&from->figures[j]) && figure_is_there(&to->figures[j])) {
			grown[count] = (struct rival){bench->contenders[j].name,
						      to->figures[j].median / from->figures[j].median, AS_LONG};
			grown[count].side = grown[count].ratio > SCALES ? MORE : AS_LONG;
			count++;
		}
	if (count == 0)
		return;
	qsort(grown, count, sizeof(grown[0]), compare_rivals);
	fputs("<li><strong>From ", page);
	put_threads(page, from->threads);
	fprintf(page, " to %u:</strong> an operation takes", to->threads);
	put_side(page, " about as long (at most 1.15 times): ", grown, count, AS_LONG);
	put_side(page, grown[0].side == AS_LONG ? " Longer: " : " longer: ", grown, count, MORE);
	fputs("</li>\n", page);
}

/* Writes why the figures of this group are doubtful. If they aren't, writes nothing. */
static void put_doubts(FILE *page, const struct figures_bench *bench, const struct figures_group *group)
{
	const struct figure *ours = &group->figures[group->reference];

	if (group->rounds < BENCH_ROUNDS_FEW) {
		fputs("<li class='doubt'>With ", page);
		put_threads(page, group->threads);
		fprintf(page, " there %s only %u round%s, so figures are noisy.</li>\n",
			group->rounds == 1 ? "was" : "were", group->rounds, group->rounds == 1 ? "" : "s");
	}
	if (ours->max > SPREAD_WIDE * ours->min) {
		fputs("<li class='doubt'>With ", page);
		put_threads(page, group->threads);
		fputs(", ", page);
		html_put(page, bench->contenders[group->reference].name);
		fprintf(page,
			" takes %.2f times as long at its worst placement as at its best. Smaller differences mean "
			"little.</li>\n",
			ours->max / ours->min);
	}
}

void page_conclude(FILE *page, const struct figures *figures, const struct figures_bench *bench)
{
	const struct figures_group *groups[FIGURES_SERIES_MAX];
	unsigned count = figures_choose(figures, bench, groups);

	fputs("<ul class='conclusions'>\n", page);
	if (!explain_same_job(bench->name))
		fputs("<li>These contenders do different work, so the fastest isn't necessarily the best.</li>\n", page);
	for (unsigned i = 0; i < count; i++)
		put_comparison(page, bench, groups[i]);
	if (count > 0)
		put_more(page, bench, groups[0]);
	if (count > 1)
		put_scaling(page, bench, groups[0], groups[count - 1]);
	for (unsigned i = 0; i < count; i++)
		put_doubts(page, bench, groups[i]);
	for (unsigned j = 0; j < bench->contender_count; j++)
		if (!figures_has(bench, j)) {
			fputs("<li class='doubt'>Not compared: ", page);
			html_put(page, bench->contenders[j].name);
			if (bench->contenders[j].unavailable[0] != '\0') {
				fputs(" (", page);
				html_put(page, bench->contenders[j].unavailable);
				fputs(")", page);
			}
			fputs(".</li>\n", page);
		}
	fputs("</ul>\n", page);
}

const char conclude_legend[] =
	"A ratio in brackets is the contender's time divided by that of the contender named first. A contender listed for "
	"comparison only doesn't do the job: it loses operations, or does nothing.";

/* A text to which say() appends. Characters beyond CONCLUSION_SIZE are dropped. */
struct sentence {
	char *text;
	size_t length;
};

static void say(struct sentence *s, const char *format, ...) __attribute__((__format__(__printf__, 2, 3)));

static void say(struct sentence *s, const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(s->text + s->length, CONCLUSION_SIZE - s->length, format, arguments);
	va_end(arguments);
	s->length += length > 0 ? (size_t)length : 0;
	if (s->length >= CONCLUSION_SIZE)
		s->length = CONCLUSION_SIZE - 1;
}

static void say_rivals(struct sentence *s, const struct rival *rivals, unsigned count)
{
	const struct rival *fastest = NULL, *slowest = NULL;
	char ratio[32];

	for (unsigned i = 0; i < count; i++)
		if (rivals[i].side != NO_RIVAL) {
			fastest = fastest != NULL ? fastest : &rivals[i];
			slowest = &rivals[i];
		}
	if (fastest != NULL)
		say(s, " The %s: %s (%s)", fastest != slowest ? "fastest of the others" : "other", fastest->name,
		    figures_ratio(fastest->ratio, ratio));
	if (fastest != slowest)
		say(s, "; the slowest: %s (%s)", slowest->name, figures_ratio(slowest->ratio, ratio));
	say(s, "%s", fastest != NULL ? "." : "");
}

static void say_bounds(struct sentence *s, const struct rival *rivals, unsigned count)
{
	const char *before = " For comparison only: ";
	char ratio[32];

	for (unsigned i = 0; i < count; i++)
		if (rivals[i].side == NO_RIVAL) {
			say(s, "%s%s (%s)", before, rivals[i].name, figures_ratio(rivals[i].ratio, ratio));
			before = ", ";
		}
	say(s, "%s", before[0] == ',' ? "." : "");
}

/* For contenders that do different work: writes only the least and the greatest of their times. */
static void say_range(struct sentence *s, const struct figures_bench *bench, const struct figures_group *group)
{
	unsigned least = (unsigned)group->reference, greatest = least;
	char from[32], to[32];

	for (unsigned j = 0; j < bench->contender_count; j++)
		if (figure_is_there(&group->figures[j])) {
			least = group->figures[j].median < group->figures[least].median ? j : least;
			greatest = group->figures[j].median > group->figures[greatest].median ? j : greatest;
		}
	say(s, "different kinds of work take %s (%s) to %s (%s).", figures_time(group->figures[least].median, from),
	    bench->contenders[least].name, figures_time(group->figures[greatest].median, to), bench->contenders[greatest].name);
}

/* Writes the time that contenders take more than BENCH_NOTHING. If this wasn't measured, writes nothing and returns false. */
static bool say_added(struct sentence *s, const struct figures_bench *bench, const struct figures_group *group)
{
	const char *before = "added to a loop without the operation: ";
	char median[32], min[32], max[32];

	for (unsigned j = 0; j < bench->contender_count; j++) {
		const struct bench_added *added = &group->figures[j].added;

		if (!added->there)
			continue;
		say(s, "%s%s %s (%s to %s)", before, bench->contenders[j].name, figures_difference(added->median, median),
		    figures_difference(added->min, min), figures_difference(added->max, max));
		before = ", ";
	}
	say(s, "%s", before[0] == ',' ? "." : "");
	return before[0] == ',';
}

const char *conclude_bench(const struct figures_bench *bench, char *text)
{
	const struct figures_group *first = NULL, *last = NULL;
	struct rival rivals[BENCH_CONTENDERS_MAX];
	struct sentence s = {text, 0};
	unsigned count;
	char time[32];

	for (unsigned i = 0; i < bench->group_count; i++)
		if (bench->groups[i].reference >= 0) {
			first = first != NULL ? first : &bench->groups[i];
			last = &bench->groups[i];
		}
	if (first == NULL) {
		say(&s, "no contender could run.");
	} else if (!explain_same_job(bench->name)) {
		if (!say_added(&s, bench, first))
			say_range(&s, bench, first);
	} else {
		say(&s, "%s takes %s.", bench->contenders[first->reference].name, figures_time(figures_reference(first), time));
		count = find_rivals(bench, first, rivals);
		say_rivals(&s, rivals, count);
		say_bounds(&s, rivals, count);
		if (last != first) {
			say(&s, " With %u threads %s takes %s.", last->threads, bench->contenders[last->reference].name,
			    figures_time(figures_reference(last), time));
			say_rivals(&s, rivals, find_rivals(bench, last, rivals));
		}
	}
	return text;
}

bool conclude_doubt(const struct figures *figures, char *text)
{
	unsigned groups = 0, few = 0;
	struct sentence s = {text, 0};

	for (unsigned i = 0; i < figures->bench_count; i++)
		for (unsigned j = 0; j < figures->benches[i].group_count; j++)
			if (figures->benches[i].groups[j].reference >= 0) {
				groups++;
				few += figures->benches[i].groups[j].rounds < BENCH_ROUNDS_FEW;
			}
	text[0] = '\0';
	if (figures->busy > BENCH_BUSY)
		say(&s,
		    "The machine was busy: other programs, or the host of a virtual machine, took %.0f %% of its CPUs' time "
		    "during the run. Small differences mean nothing, especially with several threads.",
		    100 * figures->busy);
	if (few > 0)
		say(&s, "%s%s of the %u measurements had fewer than %d rounds, so their figures are noisy.",
		    s.length > 0 ? " " : "", few == groups ? "All" : few == 1 ? "One" : "Some", groups, BENCH_ROUNDS_FEW);
	if (s.length > 0)
		say(&s, " Measure again on an idle machine, or raise --time.");
	return s.length > 0;
}
