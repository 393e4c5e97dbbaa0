/* SPDX-License-Identifier: MIT */
/*
 * figures.h - the figures of a run of `rseqkit bench`, read from its JSON, for pictures and the report.
 *
 * The invariant: pictures are made from the JSON alone, whether it is new or from a file, and all of it is checked before
 * use. Names of benches and contenders consist of letters, digits, '-', '.' and '_', so they may be part of file names. All
 * other text is printable ASCII, and must still be quoted. Every figure is a number from a tenth of a picosecond to a quarter
 * of an hour. The least isn't above the median, and the median isn't above the greatest.
 */
#ifndef RK_TOOL_BENCH_FIGURES_H
#define RK_TOOL_BENCH_FIGURES_H

#include <json-c/json.h>

#include "bench.h"

struct figure {
	double min, median, max; /* nanoseconds; all 0 without a figure */
};

/* All contenders of a bench with one number of threads. */
struct figures_group {
	unsigned threads, rounds;
	struct figure figures[BENCH_CONTENDERS_MAX];
	int reference; /* the first contender with a figure, with which the others are compared; -1 without one */
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
	struct figures_group groups[BENCH_THREAD_COUNTS_MAX]; /* in the order of their numbers of threads */
};

struct figures {
	char model[128], kernel[96], libc[64], date[32]; /* "unknown ..." if the JSON lacks it */
	unsigned cpus, placements;
	double seconds;
	double busy; /* as in struct bench_run; -1 if the JSON lacks it */
	unsigned bench_count;
	struct figures_bench *benches; /* BENCH_MAX of them */
};

/*
 * Reads the figures of a report. `source` names the report in messages. If the report is wrong, or memory is short, prints a
 * message and returns false.
 */
bool figures_take(struct figures *figures, json_object *report, const char *source);

/* Reads the figures of a file. */
bool figures_read(struct figures *figures, const char *path);

/* Releases memory. May be called after any failure. */
void figures_release(struct figures *figures);

/* The following functions are in ratios.c. Does the contender have a figure? */
bool figure_is_there(const struct figure *figure);

/* Returns the median by which the other medians of the group are divided. `reference` must not be -1. */
double figures_reference(const struct figures_group *group);

/* Does the contender have a figure with any number of threads? */
bool figures_has(const struct figures_bench *bench, unsigned contender);

/* Are there ratios to show, and costs over the number of threads? */
bool figures_has_ratios(const struct figures_bench *bench);
bool figures_has_threads(const struct figures_bench *bench);

#define FIGURES_SERIES_MAX 3

/*
 * Selects the numbers of threads for a picture of ratios, among those with figures: the least, the number of CPUs or the
 * next greater one, and the greatest. Returns how many are in chosen[FIGURES_SERIES_MAX]; at least one if
 * figures_has_ratios().
 */
unsigned figures_choose(const struct figures *figures, const struct figures_bench *bench,
			const struct figures_group **chosen);

/* Writes the references in text[]: one name, or several with their numbers of threads. `count` must not be 0. */
#define FIGURES_REFERENCES_SIZE 192 /* of FIGURES_SERIES_MAX names */
const char *figures_references(const struct figures_bench *bench, const struct figures_group *const *groups,
			       unsigned count, char *text);

/* Computes the range of all ratios of these groups, with their spreads. Returns true if it needs a logarithmic axis. */
bool figures_range(const struct figures_bench *bench, const struct figures_group *const *groups, unsigned count,
		   double *least, double *greatest);

/* Computes the range of all nanoseconds of a bench, likewise. */
bool figures_costs(const struct figures_bench *bench, double *least, double *greatest);

/*
 * Write a number in text[32] for people, with three significant digits. figures_ratio() writes a ratio, with two digits if it
 * is below 1. figures_time() writes a time with its unit. figures_time_as() writes a time without a unit, in the unit of the
 * time `of`.
 */
const char *figures_ratio(double ratio, char *text);
const char *figures_time(double ns, char *text);
const char *figures_time_as(double ns, double of, char *text);

/* Writes a time for an axis in text[32], as short as possible. */
const char *figures_tick(double ns, char *text);

#endif /* RK_TOOL_BENCH_FIGURES_H */
