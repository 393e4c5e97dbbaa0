/* SPDX-License-Identifier: MIT */
/*
 * bench.h - the benches and figures of `rseqkit bench`. A bench compares contenders: ways to do one job, of which rseqkit is one.
 * A worker is a process that runs the contenders' loops. A slice is one measured run of such a loop, which takes at most a few
 * milliseconds. Each loop is compiled many times, at different addresses, and each of these copies is a placement. A figure is
 * the result for a contender. bench/METHOD.md describes how a figure is made.
 *
 * bench.c reads the options, measure.c runs the slices, medians.c makes the figures, bench_report.c prints them, and bench_json.c
 * writes them. Only the workers know which benches and contenders exist. The tool asks a worker for the list.
 */
#ifndef RK_TOOL_BENCH_H
#define RK_TOOL_BENCH_H

#include <json-c/json.h>
#include <stdint.h>

#include "common/file.h"
#include "peers.h"
#include "workers.h"

#define BENCH_MAX 64
#define BENCH_CONTENDERS_MAX 32 /* a bench has at most this many contenders */
#define BENCH_PLACEMENTS_MAX 64
#define BENCH_THREADS_MAX 1024
#define BENCH_THREAD_COUNTS_MAX 16 /* one run measures at most this many thread counts */
#define BENCH_ROUNDS_FEW 3	   /* with fewer rounds, figures are noisy */

struct bench_contender {
	char name[32];
	enum bench_environment environment;
	uint64_t iterations; /* the number of iterations of a slice; 0: as many as fit into the time of a slice */
};

struct bench {
	char name[32];
	char what[96];    /* what the bench measures */
	unsigned seconds; /* default time to measure this bench */
	bool one_thread;  /* the bench is measured with one thread only */
	bool selected;    /* the user wants this bench */
	unsigned contender_count;
	struct bench_contender contenders[BENCH_CONTENDERS_MAX];
};

/* CPU time per operation in nanoseconds: the least, the median and the greatest of all placements. */
struct bench_figure {
	double min, median, max;
	double mode_median[BENCH_MODES]; /* the median of all placements of one kind of worker */
};

/*
 * In some benches the contender BENCH_NOTHING is the loop without an operation. In such a bench, struct bench_added is the time
 * of a contender minus the time of BENCH_NOTHING, for each placement. A difference below the resolution can be negative.
 */
#define BENCH_NOTHING "nothing"
struct bench_added {
	bool there; /* the bench has BENCH_NOTHING */
	double min, median, max;
};

/* The data of one contender of a bench, for one number of threads. */
struct bench_cell {
	double fastest[BENCH_MODES]; /* nanoseconds per iteration in the fastest slice so far; 0 before the first slice */
	double best[BENCH_MODES][BENCH_PLACEMENTS_MAX]; /* CPU nanoseconds per operation in the best slice of each placement */
	struct bench_figure figure; /* valid if the contender could run */
	struct bench_added added;
	bool has_memory; /* the worker measures the private memory that the operation takes */
	double kib;	 /* this private memory in KiB; negative if unknown */
	char unavailable[BENCH_WHY_SIZE]; /* why the contender can't run here; empty if it can run */
};

/* The data of one bench, for one number of threads. The slices of the bench's contenders are interleaved. */
struct bench_group {
	struct bench *bench;
	unsigned threads;
	unsigned rounds;  /* how often the group was measured */
	double weight; /* the group's share of the time, relative to other groups */
	double used_ns;   /* the time that the group has used until now */
	struct bench_cell *cells; /* one for each contender */
};

struct bench_run {
	unsigned count, placements, cpus; /* numbers of benches, of placements in each kind of worker, and of usable CPUs */
	struct bench benches[BENCH_MAX];
	unsigned group_count;
	struct bench_group *groups;
	double seconds; /* how long all measurements took */
	double busy;	/* share of the CPUs' time that other processes took during the run; -1 if unknown (load.h) */
	char owners[BENCH_ENVIRONMENTS][16]; /* which component registered a worker's threads for rseq; empty if no worker ran */
	struct bench_worker workers[BENCH_MODES][BENCH_ENVIRONMENTS];
	struct bench_peer peers[BENCH_ENVIRONMENTS]; /* for the environments with another allocator */
};

/* Returns how many CPUs this process and its workers are allowed to use. */
unsigned bench_usable_cpus(void);

/*
 * Stores the processor's name in name[size], with family and model, because names such as "AMD EPYC" are ambiguous. Stores an
 * empty string if /proc/cpuinfo has no name.
 */
void bench_processor(char *name, size_t size);

/* Asks a worker for the benches. If that fails, prints a message and returns false. */
bool bench_list(struct bench_run *run);

/*
 * Measures the selected benches with each of these numbers of threads, for about `seconds` in total. If `seconds` is 0, uses the
 * benches' default times. If this fails, prints a message and returns false.
 */
bool bench_measure(struct bench_run *run, const unsigned *threads, unsigned thread_counts, double seconds);

/* Makes the figures of all cells. bench_measure() calls this function at its end. */
void bench_make_figures(struct bench_run *run);

/* Could the contender run? */
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
