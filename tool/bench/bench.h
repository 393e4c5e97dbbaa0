/* SPDX-License-Identifier: MIT */
/*
 * bench.h - the benches and figures of `rseqkit bench`. bench.c reads the options, measure.c runs the slices, medians.c makes the
 * figures, bench_report.c prints them, and bench_json.c writes them. bench/METHOD.md describes how a figure is made.
 *
 * Only the workers know which benches and contenders exist. The tool asks a worker for the list.
 */
#ifndef RK_TOOL_BENCH_H
#define RK_TOOL_BENCH_H

#include <json-c/json.h>
#include <stdint.h>

#include "common/file.h"
#include "peers.h"
#include "workers.h"

#define BENCH_MAX 64
#define BENCH_CONTENDERS_MAX 32 /* of one bench */
#define BENCH_PLACEMENTS_MAX 64
#define BENCH_THREADS_MAX 1024
#define BENCH_THREAD_COUNTS_MAX 16 /* different numbers of threads in one run */
#define BENCH_ROUNDS_FEW 3	   /* with fewer rounds, figures are noisy */

struct bench_contender {
	char name[32];
	enum bench_environment environment;
	uint64_t iterations; /* iterations in a slice; 0 if a slice has as many as fit */
};

struct bench {
	char name[32];
	char what[96];
	unsigned seconds; /* default time to measure this bench */
	bool one_thread;
	bool selected;
	unsigned contender_count;
	struct bench_contender contenders[BENCH_CONTENDERS_MAX];
};

/* CPU time per operation in nanoseconds: the least, the median and the greatest of all placements. */
struct bench_figure {
	double min, median, max;
	double mode_median[BENCH_MODES];
};

/*
 * In a bench with the contender BENCH_NOTHING, which is the bench's loop without an operation: the time of a contender minus
 * that of BENCH_NOTHING. Each difference is of one placement. A difference below the resolution can be negative.
 */
#define BENCH_NOTHING "nothing"
struct bench_added {
	bool there;
	double min, median, max;
};

/* One contender of a bench, measured with one number of threads. */
struct bench_cell {
	double fastest[BENCH_MODES]; /* nanoseconds per iteration in the fastest slice so far; 0 before the first slice */
	double best[BENCH_MODES][BENCH_PLACEMENTS_MAX];
	struct bench_figure figure; /* valid if the contender could run */
	struct bench_added added;
	bool has_memory; /* the private memory that the operation takes was measured */
	double kib;	 /* the private memory; negative if unknown */
	char unavailable[BENCH_WHY_SIZE]; /* why the contender can't run here; empty if it can run */
};

/* One bench, measured with one number of threads. The cells are measured in turn. */
struct bench_group {
	struct bench *bench;
	unsigned threads;
	unsigned rounds;
	double weight; /* the group's share of the time, relative to other groups */
	double used_ns;
	struct bench_cell *cells; /* one for each contender */
};

struct bench_run {
	unsigned count, placements, cpus;
	struct bench benches[BENCH_MAX];
	unsigned group_count;
	struct bench_group *groups;
	double seconds; /* total time to measure */
	double busy;	/* share of the CPUs' time that other processes took during the run; -1 if unknown (load.h) */
	char owners[BENCH_ENVIRONMENTS][16]; /* owner of the registrations in each kind of worker; empty if no such worker ran */
	struct bench_worker workers[BENCH_MODES][BENCH_ENVIRONMENTS];
	struct bench_peer peers[BENCH_ENVIRONMENTS]; /* for environments with an allocator */
};

/* Returns how many CPUs this process and its workers are allowed to use. */
unsigned bench_usable_cpus(void);

/*
 * Stores the processor's name in name[size], with family and model, because names such as "AMD EPYC" are ambiguous. If
 * /proc/cpuinfo has no name, the result is empty.
 */
void bench_processor(char *name, size_t size);

/* Asks a worker for the benches. If that fails, prints a message and returns false. */
bool bench_list(struct bench_run *run);

/*
 * Measures the selected benches with each of these numbers of threads, for about `seconds` in total. If `seconds` is 0, the
 * benches' default times are used.
 */
bool bench_measure(struct bench_run *run, const unsigned *threads, unsigned thread_counts, double seconds);

/* Makes the figures of all cells. bench_measure() calls this function at its end. */
void bench_make_figures(struct bench_run *run);

static inline bool bench_is_available(const struct bench_group *group, unsigned contender)
{
	return group->cells[contender].unavailable[0] == '\0';
}

/* Ends the workers and releases memory. Can be called after any failure. */
void bench_end(struct bench_run *run);

void bench_print_list(const struct bench_run *run);
void bench_print_text(const struct bench_run *run);
json_object *bench_json(const struct bench_run *run);

/* Writes the JSON to the file and closes the file. If that fails, prints a message and returns false. */
bool bench_save_json(json_object *report, struct file *file);

#endif /* RK_TOOL_BENCH_H */
