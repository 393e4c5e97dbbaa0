/* SPDX-License-Identifier: MIT */
/*
 * page.c - writes the page of `rseqkit bench --report`: the machine, the method, the conclusions, the charts and the tables
 * (page.h). A contender is one of the ways to do a bench's job. The reference is the contender with which the others are
 * compared.
 */
#define _GNU_SOURCE
#include "html.h"
#include "page.h"

#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "conclude.h"
#include "explain.h"
#include "style.h"
#include "tool.h"

#define COLUMNS_MANY 3 /* a table with this many or more numbers of threads can be wider than a window */

static void put_term(FILE *page, const char *term, const char *text)
{
	fprintf(page, "<dt>%s</dt><dd>", term);
	html_put(page, text);
	fputs("</dd>\n", page);
}

static void put_head(FILE *page, const struct figures *figures)
{
	char cpus[32], doubt[CONCLUSION_SIZE];

	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
	      "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
	      "<title>rseqkit bench: ",
	      page);
	html_put(page, figures->model);
	fprintf(page, "</title>\n<style>\n%s%s</style>\n</head>\n<body>\n", page_style, page_style_tables);
	page_chart_shapes(page);
	fputs("<main>\n<h1>Costs of rseqkit's operations and of alternatives</h1>\n<dl>\n", page);
	snprintf(cpus, sizeof(cpus), "%u usable", figures->cpus);
	put_term(page, "Processor", figures->model);
	put_term(page, "CPUs", cpus);
	put_term(page, "Kernel", figures->kernel);
	put_term(page, "C library", figures->libc);
	put_term(page, "Measured", figures->date);
	fputs("</dl>\n", page);
	if (conclude_doubt(figures, doubt)) {
		fputs("<p class=\"warning\"><strong>Careful.</strong> ", page);
		html_put(page, doubt);
		fputs("</p>\n", page);
	}
}

static void put_contents(FILE *page, const struct figures *figures)
{
	fputs("<nav aria-label=\"Benches\"><ul>\n", page);
	for (unsigned i = 0; i < figures->bench_count; i++) {
		fputs("<li><a href=\"#bench-", page);
		html_put(page, figures->benches[i].name);
		fputs("\">", page);
		html_put(page, figures->benches[i].name);
		fputs("</a></li>\n", page);
	}
	fputs("</ul></nav>\n", page);
}

static void put_method(FILE *page, const struct figures *figures)
{
	fprintf(page,
		"<section id=\"method\">\n<h2>How it was measured</h2>\n"
		"<p>A figure is the CPU time of one operation in a loop that does nothing else, so caches are warm and "
		"branches are predicted. With T threads on C CPUs, the time runs from their common start to the last finish. "
		"The figure is this time multiplied by the smaller of T and C, divided by the number of operations. With "
		"perfect scaling the figure therefore stays the same.</p>\n"
		"<p>Every loop was compiled at %u placements, half of them in a position-independent executable, because "
		"placement alone can double a short loop's time. All contenders ran in turn, slice by slice, for "
		"%.*f seconds in total. At each placement the fastest slice counts, because disturbances only make a loop "
		"slower. The figure is the median over placements. The spread is the range from the least to the greatest. "
		"Each slice is checked for lost and surplus operations. Compare figures only within this run: another "
		"processor has other ratios. See bench/METHOD.md in rseqkit's sources for details.</p>\n</section>\n",
		figures->placements, figures->seconds < 10 ? 2 : 0, figures->seconds);
}

/* Writes a cell with a ratio and a cell with a time, each with its spread below the number. */
static void put_cells(FILE *page, const struct figure *f, double of)
{
	char median[32], min[32], max[32];

	if (!figure_is_there(f)) {
		fputs("<td class=\"of\">-</td><td>-</td>", page);
		return;
	}
	fprintf(page, "<td class=\"of\">%s <small>%s to %s</small></td>", figures_ratio(f->median / of, median),
		figures_ratio(f->min / of, min), figures_ratio(f->max / of, max));
	fprintf(page, "<td>%s <small>%s to %s</small></td>", figures_time(f->median, median),
		figures_time_as(f->min, f->median, min), figures_time_as(f->max, f->median, max));
}

/* Is the reference the same contender for all numbers of threads? */
static bool shares_reference(const struct figures_bench *bench)
{
	int reference = -1;

	for (unsigned i = 0; i < bench->group_count; i++) {
		if (reference >= 0 && bench->groups[i].reference >= 0 && bench->groups[i].reference != reference)
			return false;
		reference = bench->groups[i].reference >= 0 ? bench->groups[i].reference : reference;
	}
	return true;
}

static void put_table_head(FILE *page, const struct figures_bench *bench)
{
	fputs("<thead><tr><th></th>", page);
	for (unsigned i = 0; i < bench->group_count; i++)
		if (bench->groups[i].reference >= 0)
			fprintf(page, "<th colspan=\"2\" class=\"of\">%u thread%s, %u round%s</th>",
				bench->groups[i].threads, bench->groups[i].threads == 1 ? "" : "s",
				bench->groups[i].rounds, bench->groups[i].rounds == 1 ? "" : "s");
	fputs("</tr>\n<tr><th>Contender</th>", page);
	for (unsigned i = 0; i < bench->group_count; i++) {
		if (bench->groups[i].reference < 0)
			continue;
		fputs("<th class=\"of\">ratio", page);
		if (!shares_reference(bench)) {
			fputs(" to ", page);
			html_put(page, bench->contenders[bench->groups[i].reference].name);
		}
		fputs("</th><th>time</th>", page);
	}
	fputs("</tr></thead>\n", page);
}

static void put_table(FILE *page, const struct figures_bench *bench)
{
	/*
	 * The table can be wider than the window. Shadows and a hint show this to the reader. Readers can scroll the table by
	 * the keyboard, because its element has a tabindex.
	 */
	if (bench->group_count >= COLUMNS_MANY)
		fputs("<p class=\"hint dim\">The table is wider than this window: scroll it sideways.</p>\n", page);
	fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Figures of ", page);
	html_put(page, bench->name);
	fputs("\"><table>\n", page);
	put_table_head(page, bench);
	fputs("<tbody>\n", page);
	for (unsigned j = 0; j < bench->contender_count; j++) {
		if (!figures_has(bench, j))
			continue;
		fputs("<tr><th scope=\"row\">", page);
		html_put(page, bench->contenders[j].name);
		if (!explain_does_job(bench->name, bench->contenders[j].name))
			fputs("<br/><small class=\"dim\">for comparison only</small>", page);
		if (bench->contenders[j].library[0] != '\0') {
			fputs("<br/><small class=\"dim\">", page);
			html_put(page, bench->contenders[j].library);
			fputs("</small>", page);
		}
		fputs("</th>", page);
		for (unsigned i = 0; i < bench->group_count; i++)
			if (bench->groups[i].reference >= 0)
				put_cells(page, &bench->groups[i].figures[j], figures_reference(&bench->groups[i]));
		fputs("</tr>\n", page);
	}
	fputs("</tbody></table></div>\n", page);
}

/* Explains each contender in a line, also a contender without a figure. */
static void put_contenders(FILE *page, const struct figures_bench *bench)
{
	fputs("<dl class=\"contenders\">\n", page);
	for (unsigned j = 0; j < bench->contender_count; j++) {
		const struct explanation *e = explain(bench->name, bench->contenders[j].name);

		if (e == NULL)
			continue;
		fputs("<dt>", page);
		html_put(page, bench->contenders[j].name);
		fputs("</dt><dd>", page);
		html_put(page, e->what);
		fputs(". ", page);
		if (e->instead != NULL) {
			html_put(page, e->instead);
			fputs(" ", page);
		}
		fputs("<span class=\"dim\">Needs:</span> ", page);
		html_put(page, e->needs != NULL ? e->needs :
			       strncmp(e->contender, "rseqkit", 7) == 0 ? "nothing else; without rseq it is slower" :
									  "nothing else");
		fputs(". <span class=\"dim\">Right when:</span> ", page);
		html_put(page, e->when);
		fputs(".</dd>\n", page);
	}
	fputs("</dl>\n", page);
}

static void put_bench(FILE *page, const struct figures *figures, const struct figures_bench *bench)
{
	fputs("<section id=\"bench-", page);
	html_put(page, bench->name);
	fputs("\">\n<h2>", page);
	html_put(page, bench->name);
	fputs("</h2>\n<p class=\"what\">", page);
	html_put(page, bench->what);
	fputs("</p>\n", page);
	put_contenders(page, bench);
	page_conclude(page, figures, bench);
	if (figures_has_ratios(bench)) {
		fprintf(page, "<div class=\"charts%s\">\n", figures_has_threads(bench) ? " two" : "");
		page_chart_ratios(page, figures, bench);
		page_chart_threads(page, bench);
		fputs("</div>\n", page);
		put_table(page, bench);
	}
	fputs("</section>\n", page);
}

/* Writes a line for each bench. */
static void put_summary(FILE *page, const struct figures *figures)
{
	char text[CONCLUSION_SIZE];

	fputs("<section id=\"summary\">\n<h2>Conclusions</h2>\n<p>Each line shows a bench with its least and its greatest "
	      "number of threads. ",
	      page);
	html_put(page, conclude_legend);
	fputs(" The section of each bench explains its contenders and its spreads.</p>\n"
	      "<ul class=\"conclusions\">\n",
	      page);
	for (unsigned i = 0; i < figures->bench_count; i++) {
		fputs("<li><a href=\"#bench-", page);
		html_put(page, figures->benches[i].name);
		fputs("\">", page);
		html_put(page, figures->benches[i].name);
		fputs("</a>: ", page);
		html_put(page, conclude_bench(&figures->benches[i], text));
		fputs("</li>\n", page);
	}
	fputs("</ul>\n</section>\n", page);
}

static void put_page(FILE *page, const struct figures *figures)
{
	put_head(page, figures);
	put_contents(page, figures);
	put_summary(page, figures);
	put_method(page, figures);
	for (unsigned i = 0; i < figures->bench_count; i++)
		put_bench(page, figures, &figures->benches[i]);
	fputs("<footer>Made by rseqkit bench. This page is self-contained and loads nothing.</footer>\n"
	      "</main>\n</body>\n</html>\n",
	      page);
}

bool page_write(const struct figures *figures, const char *folder, bool list)
{
	char *text = NULL;
	size_t size = 0;
	FILE *page = open_memstream(&text, &size);
	bool good = page != NULL;

	if (good) {
		put_page(page, figures);
		good = !ferror(page);
		good = fclose(page) == 0 && good;
	}
	if (!good)
		complain("out of memory");
	good = good && file_put_into(folder, "index.html", text, size, list);
	free(text);
	return good;
}
