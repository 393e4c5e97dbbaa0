/* SPDX-License-Identifier: MIT */
/*
 * ratios.c - selects figures of `rseqkit bench` for its pictures and its page, and computes ratios, ranges and texts (figures.h).
 */
#define _GNU_SOURCE
#include "figures.h"

#include <stdio.h>
#include <string.h>

#define LINEAR_MAX 8.0 /* if the greatest value is more than this many times the least, the axis is logarithmic */

bool figure_is_there(const struct figure *figure)
{
	return figure->median > 0;
}

/* Writes a number with this many significant digits. */
static const char *put_digits(double value, int digits, char *text)
{
	int decimals = digits - 1;

	for (double v = value; v >= 9.995 && decimals > 0; v /= 10)
		decimals--;
	for (double v = value; v < 0.9995 && v > 0 && decimals < 9; v *= 10)
		decimals++;
	snprintf(text, 32, "%.*f", decimals, value);
	return text;
}

const char *figures_ratio(double ratio, char *text)
{
	if (ratio < 1e-6)
		snprintf(text, 32, "%.0e", ratio);
	else if (ratio >= 0.0995 && ratio < 1)
		snprintf(text, 32, "%.2f", ratio);
	else
		(void)put_digits(ratio, ratio < 1 ? 2 : 3, text);
	return text;
}

static const struct unit {
	double ns;
	const char *name;
} units[] = {{1, "ns"}, {1e3, "us"}, {1e6, "ms"}, {1e9, "s"}};

static const struct unit *unit_of(double ns)
{
	size_t i = 0;

	while (i + 1 < sizeof(units) / sizeof(units[0]) && ns >= 0.9995 * units[i + 1].ns)
		i++;
	return &units[i];
}

const char *figures_time_as(double ns, double of, char *text)
{
	return put_digits(ns / unit_of(of)->ns, 3, text);
}

const char *figures_difference(double ns, char *text)
{
	double size = ns < 0 ? -ns : ns;

	if (size < 10)
		snprintf(text, 32, "%.2f ns", size < 0.005 ? 0 : ns);
	else
		snprintf(text, 32, "%s%s %s", ns < 0 ? "-" : "", put_digits(size / unit_of(size)->ns, 3, (char[32]){0}),
			 unit_of(size)->name);
	return text;
}

const char *figures_time(double ns, char *text)
{
	size_t length = strlen(figures_time_as(ns, ns, text));

	snprintf(text + length, 32 - length, " %s", unit_of(ns)->name);
	return text;
}

const char *figures_tick(double ns, char *text)
{
	snprintf(text, 32, "%.6g %s", ns / unit_of(ns)->ns, unit_of(ns)->name);
	return text;
}

double figures_reference(const struct figures_group *group)
{
	return group->figures[group->reference].median;
}

bool figures_has(const struct figures_bench *bench, unsigned contender)
{
	for (unsigned i = 0; i < bench->group_count; i++)
		if (figure_is_there(&bench->groups[i].figures[contender]))
			return true;
	return false;
}

static unsigned groups_with_figures(const struct figures_bench *bench)
{
	unsigned count = 0;

	for (unsigned i = 0; i < bench->group_count; i++)
		count += bench->groups[i].reference >= 0;
	return count;
}

bool figures_has_ratios(const struct figures_bench *bench)
{
	return groups_with_figures(bench) > 0;
}

bool figures_has_threads(const struct figures_bench *bench)
{
	return groups_with_figures(bench) > 1;
}

unsigned figures_choose(const struct figures *figures, const struct figures_bench *bench,
			const struct figures_group **chosen)
{
	const struct figures_group *first = NULL, *middle = NULL, *last = NULL;
	unsigned count = 0;

	for (unsigned i = 0; i < bench->group_count; i++) {
		const struct figures_group *group = &bench->groups[i];

		if (group->reference < 0)
			continue;
		first = first != NULL ? first : group;
		middle = middle != NULL && middle->threads >= figures->cpus ? middle : group;
		last = group;
	}
	if (first != NULL)
		chosen[count++] = first;
	if (middle != first && middle != last)
		chosen[count++] = middle;
	if (last != first)
		chosen[count++] = last;
	return count;
}

const char *figures_references(const struct figures_bench *bench, const struct figures_group *const *groups,
			       unsigned count, char *text)
{
	int length = snprintf(text, FIGURES_REFERENCES_SIZE, "%s", bench->contenders[groups[0]->reference].name);
	bool same = true;

	for (unsigned i = 1; i < count; i++)
		same = same && groups[i]->reference == groups[0]->reference;
	if (!same)
		length = 0;
	for (unsigned i = 0; i < count && !same; i++)
		length += snprintf(text + length, (size_t)(FIGURES_REFERENCES_SIZE - length), "%s%s (%u thread%s)",
				   i > 0 ? ", " : "", bench->contenders[groups[i]->reference].name, groups[i]->threads,
				   groups[i]->threads == 1 ? "" : "s");
	return text;
}

/* Widens a range so that it contains the spread of the figure, divided by `unit`. */
static void widen(const struct figure *f, double unit, double *least, double *greatest)
{
	if (!figure_is_there(f))
		return;
	*least = f->min / unit < *least ? f->min / unit : *least;
	*greatest = f->max / unit > *greatest ? f->max / unit : *greatest;
}

bool figures_range(const struct figures_bench *bench, const struct figures_group *const *groups, unsigned count,
		   double *least, double *greatest)
{
	*least = *greatest = 1;
	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < bench->contender_count; j++)
			widen(&groups[i]->figures[j], figures_reference(groups[i]), least, greatest);
	return *greatest > LINEAR_MAX;
}

bool figures_costs(const struct figures_bench *bench, double *least, double *greatest)
{
	*least = 1e300;
	*greatest = 0;
	for (unsigned i = 0; i < bench->group_count; i++)
		for (unsigned j = 0; j < bench->contender_count; j++)
			widen(&bench->groups[i].figures[j], 1, least, greatest);
	return *greatest > LINEAR_MAX * *least;
}
