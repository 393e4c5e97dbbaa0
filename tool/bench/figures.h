/* SPDX-License-Identifier: MIT */
/*
 * figures.h - the figures of a run of `rseqkit bench`, read from its JSON, for the HTML page (--report). A
 * contender is one of the ways to do a bench's job. A placement is a copy of a contender's loop at another address. The spread of
 * a figure is the range over all placements.
 *
 * The invariant: the page is made from the JSON alone, whether the JSON is new or from a file. All of the JSON is
 * checked before use. Names of benches and contenders consist of letters, digits, '-', '.' and '_', so these names can be part of
 * file names. All other text is printable ASCII, and must still be quoted. Each time of a figure that was measured is from 1e-4
 * to 1e12 nanoseconds. In each figure, `min` is at most `median`, and `median` is at most `max`. Added times (struct
 * bench_added) have the same order, and are from -1e12 to 1e12.
 */
#ifndef RK_TOOL_BENCH_FIGURES_H
#define RK_TOOL_BENCH_FIGURES_H

#include <json-c/json.h>

#include "bench.h"

struct figure {
	double min, median, max; /* nanoseconds; all three are 0 if nothing was measured */
	struct bench_added added; /* the time that the contender takes more than the empty loop BENCH_NOTHING */
	double kib; /* the contender's private memory; negative if the JSON lacks it */
};

/* The figures of all contenders of a bench, measured with the same number of threads. */
struct figures_group {
	unsigned threads, rounds;
	struct figure figures[BENCH_CONTENDERS_MAX];
	int reference; /* the first contender with a figure; others are compared with this one; -1 if no contender has a figure */
};

struct figures_contender {
	char name[32];
	char library[64]; /* can be empty */
	char unavailable[BENCH_WHY_SIZE]; /* why there is no figure; can be empty */
};

struct figures_bench {
	char name[32];
	char what[96]; /* can be empty */
	unsigned contender_count, group_count;
	struct figures_contender contenders[BENCH_CONTENDERS_MAX];
	struct figures_group groups[BENCH_THREAD_COUNTS_MAX]; /* in the order of their numbers of threads */
};

struct figures {
	char model[128], kernel[96], libc[64], date[32]; /* each is "unknown ..." if the JSON lacks it */
	unsigned cpus, placements;
	double seconds;
	double busy; /* as in struct bench_run; -1 if the JSON lacks it */
	unsigned bench_count;
	struct figures_bench *benches; /* an array of BENCH_MAX benches */
};

/*
 * Reads the figures from the JSON object `report`. `source` names this object in messages. If the JSON is wrong, or memory is
 * short, prints a message and returns false.
 */
bool figures_take(struct figures *figures, json_object *report, const char *source);

/* Reads the figures from the JSON in a file. Fails like figures_take(). */
bool figures_read(struct figures *figures, const char *path);

/* Releases memory. Can be called after any failure. */
void figures_release(struct figures *figures);

/* The following functions are in ratios.c. */

/* Does this contender have a figure, that is, was it measured? */
bool figure_is_there(const struct figure *figure);

/*
 * Returns the median of the group's reference. In ratios, all medians of the group are divided by this median. The group's
 * `reference` must not be -1.
 */
double figures_reference(const struct figures_group *group);

/* Does the contender have a figure with any number of threads? */
bool figures_has(const struct figures_bench *bench, unsigned contender);

/* Does the bench have figures for at least one number of threads, so that ratios can be shown? */
bool figures_has_ratios(const struct figures_bench *bench);

/* Does the bench have figures for several numbers of threads, so that costs can be shown over the number of threads? */
bool figures_has_threads(const struct figures_bench *bench);

#define FIGURES_SERIES_MAX 3

/*
 * Selects groups for a picture of ratios, only from groups that have figures. Selects the group with the fewest threads, the
 * first group with at least as many threads as CPUs, and the group with the most threads. Stores each selected group once in
 * chosen[FIGURES_SERIES_MAX], and returns the number of selected groups. If figures_has_ratios() returns true, this number is
 * at least 1.
 */
unsigned figures_choose(const struct figures *figures, const struct figures_bench *bench,
			const struct figures_group **chosen);

/*
 * Writes the names of the groups' references in text[FIGURES_REFERENCES_SIZE]: one name if all groups have the same
 * reference, otherwise each group's reference with the number of threads. `count` must not be 0.
 */
#define FIGURES_REFERENCES_SIZE 192 /* bytes that FIGURES_SERIES_MAX names need at most */
const char *figures_references(const struct figures_bench *bench, const struct figures_group *const *groups,
			       unsigned count, char *text);

/*
 * Computes the range from the least to the greatest ratio of these groups. The range contains the whole spread of each
 * ratio, and the ratio 1. Returns true if an axis of this range must be logarithmic.
 */
bool figures_range(const struct figures_bench *bench, const struct figures_group *const *groups, unsigned count,
		   double *least, double *greatest);

/*
 * Computes the range from the least to the greatest time of a bench, in nanoseconds. The range contains the whole spread of
 * each time. Returns true if an axis of this range must be logarithmic.
 */
bool figures_costs(const struct figures_bench *bench, double *least, double *greatest);

/* Writes a ratio in text[32], with three significant digits; two if it is below 1, one if below 1e-6. Returns `text`. */
const char *figures_ratio(double ratio, char *text);

/* Writes a time in text[32], with three significant digits and a unit (ns, us, ms or s). Returns `text`. */
const char *figures_time(double ns, char *text);

/* Writes a difference of two times in text[32], with a unit. Below 10 ns it has two decimals. Returns `text`. */
const char *figures_difference(double ns, char *text);

/*
 * Writes the time `ns` in text[32], with three significant digits but without a unit. The number is in the unit that
 * figures_time() would choose for the time `of`. Returns `text`.
 */
const char *figures_time_as(double ns, double of, char *text);

/* Writes a time with its unit in text[32], as short as possible, for a tick of an axis. Returns `text`. */
const char *figures_tick(double ns, char *text);

#endif /* RK_TOOL_BENCH_FIGURES_H */
