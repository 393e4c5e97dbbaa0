/* SPDX-License-Identifier: MIT */
/*
 * figures.h - what a run of `rseqkit bench` found, read from its JSON, for pictures and the report.
 *
 * The invariant: pictures are made of the JSON alone, whether it was measured just now or lies in a file, and nothing
 * in it is believed before it was checked. Names of benches and contenders are letters, digits, '-', '.' and '_', so
 * they can stand in names of files; all other text is printable ASCII, and still has to be quoted. Every figure is a
 * number from a tenth of a picosecond to a quarter of an hour, and its least isn't above its median, nor that above its
 * greatest.
 */
#ifndef RK_TOOL_BENCH_FIGURES_H
#define RK_TOOL_BENCH_FIGURES_H

#include <json-c/json.h>

#include "bench.h"

struct figure {
	double min, median, max; /* nanoseconds; all 0 where there is none */
};

/* All contenders of a bench with one number of threads. */
struct figures_group {
	unsigned threads, rounds;
	struct figure figures[BENCH_CONTENDERS_MAX];
	int reference; /* the first contender with a figure: what the others are compared with; -1 if there is none */
};

struct figures_contender {
	char name[32];
	char library[64]; /* may be empty */
	char unavailable[BENCH_WHY_SIZE]; /* the reason; may be empty */
};

struct figures_bench {
	char name[32];
	char what[96]; /* may be empty */
	unsigned contender_count, group_count;
	struct figures_contender contenders[BENCH_CONTENDERS_MAX];
	struct figures_group groups[BENCH_THREAD_COUNTS_MAX]; /* by rising numbers of threads */
};

struct figures {
	char model[128], kernel[96], libc[64], date[32]; /* "unknown" where the JSON doesn't tell */
	unsigned cpus, placements;
	double seconds;
	double busy; /* as in struct bench_run; -1 where the JSON doesn't tell */
	unsigned bench_count;
	struct figures_bench *benches; /* BENCH_MAX of them */
};

/* Of a report. `source` names it in complaints. Complains and returns false if it isn't one, or out of memory. */
bool figures_take(struct figures *figures, json_object *report, const char *source);

/* Of a file. */
bool figures_read(struct figures *figures, const char *path);

/* Releases memory, whatever happened before. */
void figures_release(struct figures *figures);

/* The rest is in ratios.c. */
bool figure_is_there(const struct figure *figure);

/* The median that the others of the group are divided by; there is one unless `reference` is -1. */
double figures_reference(const struct figures_group *group);

/* Has the contender a figure with any number of threads? */
bool figures_has(const struct figures_bench *bench, unsigned contender);

/* Is there something to show of ratios, and of costs over the number of threads? */
bool figures_has_ratios(const struct figures_bench *bench);
bool figures_has_threads(const struct figures_bench *bench);

#define FIGURES_SERIES_MAX 3

/*
 * Which numbers of threads a picture of ratios shows, of those with figures: the least, as many as CPUs or the next, and
 * the greatest. Returns how many are in chosen[FIGURES_SERIES_MAX]; there is one if figures_has_ratios().
 */
unsigned figures_choose(const struct figures *figures, const struct figures_bench *bench,
			const struct figures_group **chosen);

/* What the others are divided by, in text[]: a name, or several with their numbers of threads. `count` isn't 0. */
#define FIGURES_REFERENCES_SIZE 192 /* of FIGURES_SERIES_MAX names */
const char *figures_references(const struct figures_bench *bench, const struct figures_group *const *groups,
			       unsigned count, char *text);

/* The range of all ratios of these groups, spread and all. Returns whether it wants a logarithmic axis. */
bool figures_range(const struct figures_bench *bench, const struct figures_group *const *groups, unsigned count,
		   double *least, double *greatest);

/* The range of all nanoseconds of a bench, likewise. */
bool figures_costs(const struct figures_bench *bench, double *least, double *greatest);

/*
 * What people read, with three digits that count and no exponent, in text[32]: a ratio, below 1 with two digits; a time with
 * its unit; and one without it, in the unit that `of` has.
 */
const char *figures_ratio(double ratio, char *text);
const char *figures_time(double ns, char *text);
const char *figures_time_as(double ns, double of, char *text);

/* A time at an axis, in text[32]: as short as can be. */
const char *figures_tick(double ns, char *text);

#endif /* RK_TOOL_BENCH_FIGURES_H */
