/* SPDX-License-Identifier: MIT */
/*
 * chart.c - draws the charts of the page that `rseqkit bench --report` writes (page.h). A contender is one of the ways to do a
 * bench's job.
 *
 * The charts are SVG. Positions along an axis are in per cent, and sizes are in pixels. A chart is therefore as wide as the
 * reader's window, and its text is as large as the page's. Colours come from the page's CSS, which defines them for light and
 * dark pages. The bars of different numbers of threads, and the lines of different contenders, also differ in patterns, dashes
 * and shapes.
 */
#define _GNU_SOURCE
#include "html.h"
#include "page.h"

#include <math.h>
#include <string.h>

#include "explain.h"

#define ROW 20	    /* height of a bar with its margins, in pixels */
#define BAR 14      /* height of a bar, in pixels */
#define LINES 300   /* height of a chart whose axis is the number of threads, in pixels */
#define LOOKS 8	    /* this many different looks of lines exist. The page's CSS has their colours as .c0 to .c7 */
#define DECADES 100 /* if a logarithmic axis ends at more than this many times its beginning, it has ticks only at decades */

/* An axis, with the values at its ends. */
struct axis {
	double least, greatest;
	bool logarithmic;
};

/* Returns the position of a value on the axis in per cent. */
static double place(const struct axis *axis, double value)
{
	double part = axis->logarithmic ? log(value / axis->least) / log(axis->greatest / axis->least) :
					  (value - axis->least) / (axis->greatest - axis->least);

	return 100 * (part < 0 ? 0 : part > 1 ? 1 : part);
}

/* Returns the next tick of the axis after `value`, or the first tick if `value` is 0. Returns 0 after the last tick. */
static double next_tick(const struct axis *axis, double value)
{
	double step;

	if (!axis->logarithmic) {
		step = pow(10, floor(log10(axis->greatest / 2)));
		step *= axis->greatest / step > 5 ? 2 : axis->greatest / step > 2.5 ? 1 : 0.5;
		return value + step <= axis->greatest ? value + step : 0;
	}
	for (double decade = 1e-17; decade < 1e18; decade *= 10)
		for (int i = 0; i < (axis->greatest / axis->least > DECADES ? 1 : 3); i++) {
			double tick = decade * (i == 0 ? 1 : i == 1 ? 2 : 5);

			if (tick > value * 1.01 && tick >= axis->least * 0.999)
				return tick <= axis->greatest ? tick : 0;
		}
	return 0;
}

void page_chart_shapes(FILE *page)
{
	static const char *const shapes[LOOKS] = {
		"<circle r='4.5'/>",
		"<path d='M-4-4h8v8h-8z'/>",
		"<path d='M0-5.5 5.2 3.8h-10.4z'/>",
		"<path d='M0-5.8 5.2 0 0 5.8-5.2 0z'/>",
		"<circle r='4' class='hollow'/>",
		"<path d='M-4-4h8v8h-8z' class='hollow'/>",
		"<path d='M0-5.5 5.2 3.8h-10.4z' class='hollow'/>",
		"<path d='M-4-4 4 4M-4 4 4-4' class='hollow'/>",
	};

	fputs("<svg width='0' height='0' class='shapes' aria-hidden='true'><defs>\n"
	      "<pattern id='hatch' width='6' height='6' patternUnits='userSpaceOnUse' patternTransform='rotate(45)'>"
	      "<path d='M0 0v6' class='hatching'/></pattern>\n",
	      page);
	for (int i = 0; i < LOOKS; i++)
		fprintf(page, "<g id='shape%d'>%s</g>\n", i, shapes[i]);
	fputs("</defs></svg>\n", page);
}

/* Draws lines across a picture of this height: at each tick of the axis, and at 1. */
static void put_grid(FILE *page, const struct axis *axis, int height)
{
	for (double tick = 0; (tick = next_tick(axis, tick)) != 0;)
		fprintf(page, "<line class='grid' x1='%.2f%%' x2='%.2f%%' y1='0' y2='%d'/>", place(axis, tick),
			place(axis, tick), height);
	fprintf(page, "<line class='one' x1='%.2f%%' x2='%.2f%%' y1='0' y2='%d'/>\n", place(axis, 1), place(axis, 1),
		height);
}

/* Draws the bar of a contender for one number of threads, its spread, and its ratio as a number. */
static void put_bar(FILE *page, const struct axis *axis, const struct figure *f, double of, int series, int y)
{
	double base = place(axis, axis->logarithmic ? 1 : 0), end = place(axis, f->median / of);
	double low = place(axis, f->min / of), high = place(axis, f->max / of);
	char ratio[32];
	int middle = y + BAR / 2;

	fprintf(page, "<rect class='s%d' x='%.2f%%' width='%.2f%%' y='%d' height='%d'/>", series,
		base < end ? base : end, fabs(end - base), y, BAR);
	fprintf(page, "<g class='spread'><line x1='%.2f%%' x2='%.2f%%' y1='%d' y2='%d'/>", low, high, middle, middle);
	fprintf(page, "<line x1='%.2f%%' x2='%.2f%%' y1='%d' y2='%d'/>", low, low, middle - 4, middle + 4);
	fprintf(page, "<line x1='%.2f%%' x2='%.2f%%' y1='%d' y2='%d'/></g>", high, high, middle - 4, middle + 4);
	fprintf(page, "<text x='%.2f%%' dx='6' y='%d'>%s</text>\n", high > base ? high : base, middle + 4,
		figures_ratio(f->median / of, ratio));
}

static void put_row(FILE *page, const struct axis *axis, const struct figures_bench *bench, unsigned contender,
		    const struct figures_group *const *groups, unsigned count)
{
	const struct figures_contender *who = &bench->contenders[contender];
	int height = (int)count * ROW;

	fputs("<div class='row'><span class='name'>", page);
	html_put(page, who->name);
	if (!explain_does_job(bench->name, who->name))
		fputs(" <small class='dim'>for comparison only</small>", page);
	fputs("</span>", page);
	if (!figures_has(bench, contender)) {
		fputs("<span class='missing'>", page);
		html_put(page, who->unavailable[0] != '\0' ? who->unavailable : "not measured");
		fputs("</span></div>\n", page);
		return;
	}
	fprintf(page, "<svg width='100%%' height='%d' aria-hidden='true'>", height);
	put_grid(page, axis, height);
	for (unsigned i = 0; i < count; i++)
		if (figure_is_there(&groups[i]->figures[contender]))
			put_bar(page, axis, &groups[i]->figures[contender], figures_reference(groups[i]), (int)i,
				(int)i * ROW + (ROW - BAR) / 2);
	fputs("</svg></div>\n", page);
}

static void put_numbers(FILE *page, const struct axis *axis)
{
	fputs("<div class='row numbers'><span class='name'></span><svg width='100%' height='18' aria-hidden='true'>",
	      page);
	for (double tick = 0; (tick = next_tick(axis, tick)) != 0;)
		fprintf(page, "<text x='%.2f%%' y='13' text-anchor='middle'>%.7g</text>", place(axis, tick), tick);
	fputs("</svg></div>\n", page);
}

static int longest_name(const struct figures_bench *bench)
{
	size_t longest = 0;

	for (unsigned j = 0; j < bench->contender_count; j++)
		if (strlen(bench->contenders[j].name) > longest)
			longest = strlen(bench->contenders[j].name);
	return (int)longest;
}

void page_chart_ratios(FILE *page, const struct figures *figures, const struct figures_bench *bench)
{
	const struct figures_group *groups[FIGURES_SERIES_MAX];
	unsigned count = figures_choose(figures, bench, groups);
	char of[FIGURES_REFERENCES_SIZE];
	struct axis axis = {0};

	if (count == 0)
		return;
	axis.logarithmic = figures_range(bench, groups, count, &axis.least, &axis.greatest);
	axis.least = axis.logarithmic ? axis.least / 1.1 : 0;
	fprintf(page, "<figure class='ratios' style='--names:%dch'>\n", longest_name(bench) + 1);
	for (unsigned j = 0; j < bench->contender_count; j++)
		put_row(page, &axis, bench, j, groups, count);
	put_numbers(page, &axis);
	fputs("<ul class='legend'>", page);
	for (unsigned i = 0; i < count; i++)
		fprintf(page,
			"<li><svg width='26' height='14' aria-hidden='true'><rect class='s%u' x='1' y='1' width='24' "
			"height='12'/></svg> %u thread%s</li>",
			i, groups[i]->threads, groups[i]->threads == 1 ? "" : "s");
	fputs("</ul>\n<figcaption>Time per operation, ", page);
	html_put(page, figures_references(bench, groups, count, of));
	fprintf(page, " = 1%s. Whiskers: least and greatest over placements.</figcaption>\n</figure>\n",
		axis.logarithmic ? ", on a logarithmic axis" : "");
}

/* Draws the line of a contender: segments, spreads and points. */
static void put_line(FILE *page, const struct figures_bench *bench, unsigned contender, const struct axis *x,
		     const struct axis *y)
{
	const struct figure *last = NULL;
	double last_x = 0;

	fprintf(page, "<g class='c%u'>", contender % LOOKS);
	for (unsigned i = 0; i < bench->group_count; i++) {
		const struct figure *f = &bench->groups[i].figures[contender];
		double here = place(x, bench->groups[i].threads);

		if (!figure_is_there(f))
			continue;
		fprintf(page, "<line class='whisker' x1='%.2f%%' x2='%.2f%%' y1='%.2f%%' y2='%.2f%%'/>", here, here,
			100 - place(y, f->min), 100 - place(y, f->max));
		if (last != NULL)
			fprintf(page, "<line x1='%.2f%%' x2='%.2f%%' y1='%.2f%%' y2='%.2f%%'/>", last_x, here,
				100 - place(y, last->median), 100 - place(y, f->median));
		fprintf(page, "<svg x='%.2f%%' y='%.2f%%' class='point'><use href='#shape%u'/></svg>\n", here,
			100 - place(y, f->median), contender % LOOKS);
		last = f;
		last_x = here;
	}
	fputs("</g>\n", page);
}

void page_chart_threads(FILE *page, const struct figures_bench *bench)
{
	const struct figures_group *first = &bench->groups[0], *last = &bench->groups[bench->group_count - 1];
	struct axis x = {first->threads / 1.1, last->threads * 1.1, true}, y = {0};
	char text[32];

	if (!figures_has_threads(bench))
		return;
	y.logarithmic = figures_costs(bench, &y.least, &y.greatest);
	y.least = y.logarithmic ? y.least / 1.2 : 0;
	y.greatest *= 1.1;
	fprintf(page, "<figure class='threads'>\n<svg width='100%%' height='%d' class='plane' aria-hidden='true'>", LINES);
	for (double tick = 0; (tick = next_tick(&y, tick)) != 0;)
		fprintf(page,
			"<line class='grid' x1='0' x2='100%%' y1='%.2f%%' y2='%.2f%%'/><text x='-6' y='%.2f%%' dy='4' "
			"text-anchor='end'>%s</text>",
			100 - place(&y, tick), 100 - place(&y, tick), 100 - place(&y, tick), figures_tick(tick, text));
	fputs("<line class='one' x1='0' x2='0' y1='0' y2='100%'/><line class='one' x1='0' x2='100%' y1='100%' "
	      "y2='100%'/>\n",
	      page);
	for (unsigned i = 0; i < bench->group_count; i++)
		fprintf(page, "<text x='%.2f%%' y='100%%' dy='18' text-anchor='middle'>%u</text>",
			place(&x, bench->groups[i].threads), bench->groups[i].threads);
	for (unsigned j = 0; j < bench->contender_count; j++)
		put_line(page, bench, j, &x, &y);
	fputs("</svg>\n<ul class='legend'>", page);
	for (unsigned j = 0; j < bench->contender_count; j++) {
		if (!figures_has(bench, j))
			continue;
		fprintf(page,
			"<li><svg width='34' height='14' aria-hidden='true'><g class='c%u'><line x1='1' x2='33' y1='7' "
			"y2='7'/><svg x='17' y='7' class='point'><use href='#shape%u'/></svg></g></svg> ",
			j % LOOKS, j % LOOKS);
		html_put(page, bench->contenders[j].name);
		fputs("</li>", page);
	}
	fprintf(page,
		"</ul>\n<figcaption>CPU time of an operation%s, over the number of threads. With perfect scaling "
		"the line is level.</figcaption>\n</figure>\n",
		y.logarithmic ? " (logarithmic)" : "");
}
