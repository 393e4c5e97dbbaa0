/* SPDX-License-Identifier: MIT */
/* script.c - writes the script with which gnuplot makes pictures of the figures of `rseqkit bench` (script.h). */
#define _GNU_SOURCE
#include "script.h"

#include <ctype.h>
#include <string.h>

#include "explain.h"
#include "load.h"

#define WIDTH 860	/* width of each picture. This and the following lengths are in pixels, except NAMES_LONG */
#define TOP 64		/* space above the plot, for the title */
#define BOTTOM 150	/* space below the plot, for the axis, the key and a caption of three lines */
#define CHARACTER 6.8	/* width of a letter in the small font: a high estimate */
#define BAR 15		/* height of a bar */
#define LINES_HEIGHT 520 /* height of a picture BENCH-threads (plot.h) */
#define KEY_WIDTH 200   /* minimum width of the key */
#define NAMES_LONG 70   /* in characters: a longer text below an axis gets a smaller font */
#define LARGE 8.9	/* width of a letter in a title */

/*
 * The looks of bars and lines: bars have colours and patterns, and lines have colours and points. gnuplot has no other points
 * that readers could tell apart from these.
 */
static const struct {
	const char *colour;
	int pattern;
} bars[FIGURES_SERIES_MAX] = {{"#8fbfe8", 3}, {"#b35900", 5}, {"#303030", 0}};
static const struct {
	const char *colour;
	int point;
} lines[] = {{"#0072b2", 7}, {"#d55e00", 5}, {"#009e73", 9}, {"#000000", 6}, {"#cc79a7", 4}, {"#8a6d00", 8},
	     {"#56b4e9", 13}, {"#777777", 12}};

/*
 * Writes text in quotes. Characters that can have a meaning in gnuplot are written as a backslash and four octal digits. The
 * first digit is 0. So gnuplot reads at most these four digits, even if the next character is a digit.
 */
static void put_quoted(FILE *script, const char *text)
{
	fputc('"', script);
	for (; *text != '\0'; text++)
		if (isalnum((unsigned char)*text) || strchr(" .,:;=()+-_/", *text) != NULL)
			fputc(*text, script);
		else
			fprintf(script, "\\0%03o", (unsigned char)*text);
	fputc('"', script);
}

/* Shortens a text to one line of a picture, with margins of 16 pixels. Returns `text`[256]. */
static const char *fit(const char *from, double character, char *text)
{
	int room = (int)((WIDTH - 32) / character);

	snprintf(text, 256, "%.*s%s", (int)strlen(from) > room ? room - 3 : room, from, (int)strlen(from) > room ? "..." : "");
	return text;
}

static void put_label(FILE *script, const char *text, double x, double y, const char *options)
{
	fputs("set label ", script);
	put_quoted(script, text);
	fprintf(script, " at screen %.4f, screen %.4f noenhanced %s\n", x, y, options);
}

/* Writes title, caption and margins of a picture of this height. `left` and `right` are the widths of the margins. */
static void put_frame(FILE *script, const struct figures *figures, const struct figures_bench *bench, int height,
		      int left, int right, const char *caption)
{
	char text[512], fitting[256];

	fprintf(script, "reset\nset lmargin at screen %.4f\nset rmargin at screen %.4f\n", (double)left / WIDTH,
		1 - (double)right / WIDTH);
	fprintf(script, "set tmargin at screen %.4f\nset bmargin at screen %.4f\n", 1 - (double)TOP / height,
		(double)BOTTOM / height);
	fputs("set border 3 lc rgb '#404040'\nset tics nomirror out\n", script);
	snprintf(text, sizeof(text), "%s%s%s", bench->name, bench->what[0] != '\0' ? ": " : "", bench->what);
	if (strlen(text) * LARGE > WIDTH - 32)
		put_label(script, fit(text, CHARACTER, fitting), 16.0 / WIDTH, 1 - 26.0 / height, "font ',11'");
	else
		put_label(script, text, 16.0 / WIDTH, 1 - 26.0 / height, "font ',15'");
	if (figures->busy > BENCH_BUSY) {
		snprintf(text, sizeof(text), "busy machine: other programs took %.0f %% of its CPUs", 100 * figures->busy);
		put_label(script, text, 1 - 16.0 / WIDTH, 1 - 50.0 / height, "right font ',11' tc rgb '#b35900'");
	}
	put_label(script, caption, 16.0 / WIDTH, 54.0 / height, "font ',11' tc rgb '#404040'");
	snprintf(text, sizeof(text), "%.100s, %u CPU%s", figures->model, figures->cpus, figures->cpus == 1 ? "" : "s");
	put_label(script, text, 16.0 / WIDTH, 35.0 / height, "font ',11' tc rgb '#404040'");
	snprintf(text, sizeof(text), "Linux %.40s; %.40s; measured %s", figures->kernel, figures->libc, figures->date);
	put_label(script, text, 16.0 / WIDTH, 16.0 / height, "font ',11' tc rgb '#404040'");
}

/* Writes the commands for both files of the picture that `plot` describes. The files are open already. */
static void put_files(FILE *script, int svg, int png, int height, const char *plot)
{
	fprintf(script, "set terminal svg noenhanced background '#ffffff' size %d,%d font 'DejaVu Sans,12'\n", WIDTH,
		height);
	fprintf(script, "set output '/proc/self/fd/%d'\n%s\n", svg, plot);
	fprintf(script,
		"if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) {\n"
		"set terminal pngcairo noenhanced background '#ffffff' size %d,%d font 'DejaVu Sans,12' fontscale 1.8 "
		"linewidth 2 pointscale 2\n} else {\n"
		"set terminal png noenhanced truecolor background '#ffffff' size %d,%d font ',12' fontscale 2 linewidth "
		"2\n}\n",
		2 * WIDTH, 2 * height, 2 * WIDTH, 2 * height);
	fprintf(script, "set output '/proc/self/fd/%d'\n%s\nset output\n", png, plot);
}

static int longest_name(const struct figures_bench *bench)
{
	size_t longest = 0;

	for (unsigned i = 0; i < bench->contender_count; i++)
		if (strlen(bench->contenders[i].name) > longest)
			longest = strlen(bench->contenders[i].name);
	return (int)longest;
}

static int name_width(const struct figures_bench *bench)
{
	return 32 + 8 * longest_name(bench);
}

/* Returns the width of the key of a picture BENCH-threads, including samples of the lines. */
static int key_width(const struct figures_bench *bench)
{
	int width = 64 + 8 * longest_name(bench);

	return width > KEY_WIDTH ? width : KEY_WIDTH;
}

/* Writes a logarithmic axis. Its ticks are at 1, 2, 5, 10, ..., or only at decades if the range is wide. */
static void put_log_axis(FILE *script, char axis, double least, double greatest, bool is_time)
{
	static const double steps[] = {1, 2, 5};
	bool first = true;
	char text[32];

	fprintf(script, "set logscale %c\nset %crange [%.6g:%.6g]\nset m%ctics 10\nset %ctics (", axis, axis, least,
		greatest, axis, axis);
	for (double decade = 1e-17; decade < 1e18; decade *= 10)
		for (unsigned i = 0; i < (greatest / least > 2000 ? 1 : 3); i++)
			if (decade * steps[i] >= least && decade * steps[i] <= greatest) {
				snprintf(text, sizeof(text), "%.7g", decade * steps[i]);
				fprintf(script, "%s'%s' %.6g", first ? "" : ", ",
					is_time ? figures_tick(decade * steps[i], text) : text, decade * steps[i]);
				first = false;
			}
	fputs(")\n", script);
}

/*
 * Writes a block of data for each number of threads. Each line has the median ratio, the row, the least and the greatest ratio,
 * and the text beside the bar. A row is a position on the vertical axis, in heights of a bar, negative downwards. Between the
 * bars of two contenders 0.8 such heights are left.
 */
static void put_ratios(FILE *script, const struct figures_bench *bench, const struct figures_group *const *groups,
		       unsigned count)
{
	char ratio[32];

	for (unsigned i = 0; i < count; i++) {
		fprintf(script, "$ratios%u << END\n", i);
		for (unsigned j = 0; j < bench->contender_count; j++) {
			const struct figure *f = &groups[i]->figures[j];
			double of = figures_reference(groups[i]);

			if (figure_is_there(f))
				fprintf(script, "%.6g %.3f %.6g %.6g %s\n", f->median / of,
					-(j * (count + 0.8) + i), f->min / of, f->max / of,
					figures_ratio(f->median / of, ratio));
		}
		fputs("END\n", script);
	}
}

static bool has_bar(const struct figures_group *const *groups, unsigned count, unsigned contender)
{
	for (unsigned i = 0; i < count; i++)
		if (figure_is_there(&groups[i]->figures[contender]))
			return true;
	return false;
}

/* Writes the names of the contenders. For each contender without a bar, also writes why it has none. */
static void put_names(FILE *script, const struct figures_bench *bench, const struct figures_group *const *groups,
		      unsigned count)
{
	char text[BENCH_WHY_SIZE];
	const char *why;
	int room = (int)((WIDTH - name_width(bench) - 24) / CHARACTER);

	fputs("set ytics scale 0 noenhanced (", script);
	for (unsigned j = 0; j < bench->contender_count; j++) {
		fputs(j > 0 ? ", " : "", script);
		snprintf(text, sizeof(text), "%s%s", bench->contenders[j].name,
			 explain_does_job(bench->name, bench->contenders[j].name) ? "" : " *");
		put_quoted(script, text);
		fprintf(script, " %.3f", -(j * (count + 0.8) + (count - 1) / 2.0));
	}
	fputs(")\n", script);
	for (unsigned j = 0; j < bench->contender_count; j++) {
		if (has_bar(groups, count, j))
			continue;
		why = bench->contenders[j].unavailable[0] != '\0' ? bench->contenders[j].unavailable : "not measured";
		snprintf(text, sizeof(text), "%.*s%s", (int)strlen(why) > room ? room - 3 : room, why,
			 (int)strlen(why) > room ? "..." : "");
		fputs("set label ", script);
		put_quoted(script, text);
		fprintf(script, " at graph 0.01, first %.3f noenhanced font ',11' tc rgb '#404040'\n",
			-(j * (count + 0.8) + (count - 1) / 2.0));
	}
}

static void put_ratio_axis(FILE *script, const struct figures_bench *bench, double least, double greatest, const char *of,
			   bool logarithmic)
{
	char text[FIGURES_REFERENCES_SIZE + 64];
	bool all_do_job = true;

	for (unsigned j = 0; j < bench->contender_count; j++)
		all_do_job = all_do_job && explain_does_job(bench->name, bench->contenders[j].name);

	if (logarithmic)
		/* Leave space for the number after the longest bar. */
		put_log_axis(script, 'x', least / 1.3, greatest * (greatest / least > 1000 ? 3.0 : 1.8), false);
	else
		fprintf(script, "set xrange [0:%.6g]\n", greatest * 1.12);
	snprintf(text, sizeof(text), "time per operation, %s = 1%s%s", of, logarithmic ? " (log)" : "",
		 all_do_job ? "" : "; * for comparison only");
	fputs("set xlabel ", script);
	put_quoted(script, text);
	fprintf(script, " noenhanced font ',%d'", strlen(text) > NAMES_LONG ? 9 : 12);
	fputs(" offset 0,0.3\nset grid xtics lc rgb '#d8d8d8' lt 1 lw 0.5\n"
	      "set arrow from 1, graph 0 to 1, graph 1 nohead lc rgb '#404040' lw 1\n",
	      script);
}

static void put_ratio_picture(FILE *script, const struct figures *figures, const struct figures_bench *bench,
			      const int *outputs)
{
	const struct figures_group *groups[FIGURES_SERIES_MAX];
	unsigned count = figures_choose(figures, bench, groups);
	double least, greatest, rows = bench->contender_count * (count + 0.8) - 0.8;
	int height = TOP + BOTTOM + 12 + (int)(rows * BAR);
	char plot[2048] = "plot", caption[384], of[FIGURES_REFERENCES_SIZE];
	bool logarithmic;
	size_t length = 4;

	if (!figures_has_ratios(bench))
		return;
	logarithmic = figures_range(bench, groups, count, &least, &greatest);
	(void)figures_references(bench, groups, count, of);
	/* Several references would be too long for the caption, so only the axis has their names. */
	snprintf(caption, sizeof(caption),
		 "Bars: median over %u code placements, divided by that of %s. Whiskers: least and greatest.",
		 figures->placements, strchr(of, ' ') != NULL ? "the contender at 1" : of);
	put_frame(script, figures, bench, height, name_width(bench), 24, caption);
	fprintf(script, "set key at screen 0.5, screen %.4f center horizontal noenhanced samplen 2.5\n", 82.0 / height);
	fprintf(script, "set yrange [%.3f:0.9]\n", -(rows - 0.1));
	put_ratio_axis(script, bench, least, greatest, of, logarithmic);
	put_names(script, bench, groups, count);
	put_ratios(script, bench, groups, count);
	for (unsigned i = 0; i < count; i++)
		length += (size_t)snprintf(
			plot + length, sizeof(plot) - length,
			" $ratios%u using (%s):2:(%s):1:($2-0.42):($2+0.42) with boxxyerror fs pattern %d border lc rgb "
			"'#303030' fc rgb '%s' title '%u thread%s', '' using 1:2:3:4 with xerrorbars pt -1 ps 0 lw 1.2 lc "
			"rgb '#000000' notitle, '' using ($4 > 1 ? $4 : 1):2:5 with labels left offset 0.8,0 font ',11' "
			"notitle%s",
			i, logarithmic ? "1" : "0", logarithmic ? "1" : "0", bars[i].pattern, bars[i].colour,
			groups[i]->threads, groups[i]->threads == 1 ? "" : "s", i + 1 < count ? "," : "");
	put_files(script, outputs[PICTURE_RATIO_SVG], outputs[PICTURE_RATIO_PNG], height, plot);
}

static void put_costs(FILE *script, const struct figures_bench *bench)
{
	for (unsigned j = 0; j < bench->contender_count; j++) {
		fprintf(script, "$costs%u << END\n", j);
		for (unsigned i = 0; i < bench->group_count; i++) {
			const struct figure *f = &bench->groups[i].figures[j];

			if (figure_is_there(f))
				fprintf(script, "%u %.6g %.6g %.6g\n", bench->groups[i].threads, f->median, f->min,
					f->max);
		}
		fputs("END\n", script);
	}
}

static void put_threads_axes(FILE *script, const struct figures_bench *bench)
{
	double least, greatest;
	bool logarithmic = figures_costs(bench, &least, &greatest);

	fputs("set logscale x 2\nset xlabel 'threads (log)' offset 0,0.3\nset xtics (", script);
	for (unsigned i = 0; i < bench->group_count; i++)
		fprintf(script, "%s'%u' %u", i > 0 ? ", " : "", bench->groups[i].threads, bench->groups[i].threads);
	fprintf(script, ")\nset xrange [%.4f:%.4f]\n", bench->groups[0].threads / 1.12,
		bench->groups[bench->group_count - 1].threads * 1.12);
	if (logarithmic)
		put_log_axis(script, 'y', least / 1.3, greatest * 1.3, true);
	else
		fprintf(script, "set yrange [0:%.6g]\n", greatest * 1.1);
	/* The label is above the axis, because beside the axis the long numbers leave no space. */
	put_label(script, logarithmic ? "CPU time per operation (log)" : "CPU time per operation, ns", 16.0 / WIDTH,
		  1 - 50.0 / LINES_HEIGHT, "font ',12'");
	fputs("set grid ytics lc rgb '#d8d8d8' lt 1 lw 0.5\n", script);
}

/*
 * Returns the factor that shifts a contender's points along the axis of threads, so that the contenders' whiskers don't
 * overlap.
 */
static double aside(const struct figures_bench *bench, unsigned contender)
{
	return 1 + 0.012 * (contender - (bench->contender_count - 1) / 2.0);
}

static void put_threads_picture(FILE *script, const struct figures *figures, const struct figures_bench *bench,
				const int *outputs)
{
	const unsigned looks = sizeof(lines) / sizeof(lines[0]);
	char plot[8192] = "plot", caption[256];
	size_t length = 4;

	if (!figures_has_threads(bench))
		return;
	snprintf(caption, sizeof(caption),
		 "Points: median over %u code placements. Whiskers: least and greatest.%s",
		 figures->placements, figures->cpus == 1 ? "" : " With perfect scaling the line is level.");
	put_frame(script, figures, bench, LINES_HEIGHT, 80, key_width(bench), caption);
	put_costs(script, bench);
	fprintf(script, "set key at screen %.4f, screen %.4f left top Left reverse noenhanced samplen 3 spacing 1.4\n",
		1 - (key_width(bench) - 8.0) / WIDTH, 1 - (double)TOP / LINES_HEIGHT);
	put_threads_axes(script, bench);
	for (unsigned j = 0; j < bench->contender_count; j++)
		if (figures_has(bench, j))
			length += (size_t)snprintf(
				plot + length, sizeof(plot) - length,
				"%s $costs%u using ($1*%.4f):2:3:4 with yerrorbars lw 1 pt -1 ps 0 lc rgb '%s' notitle, '' "
				"using ($1*%.4f):2 with linespoints lw 1.6 ps 0.9 dt %u pt %d lc rgb '%s' title '%s'",
				length > 4 ? "," : "", j, aside(bench, j), lines[j % looks].colour, aside(bench, j),
				1 + j % 5, lines[j % looks].point, lines[j % looks].colour, bench->contenders[j].name);
	put_files(script, outputs[PICTURE_THREADS_SVG], outputs[PICTURE_THREADS_PNG], LINES_HEIGHT, plot);
}

void script_write(FILE *script, const struct figures *figures, const struct figures_bench *bench, const int *outputs)
{
	put_ratio_picture(script, figures, bench, outputs);
	put_threads_picture(script, figures, bench, outputs);
}
