/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what is measured and what came out, between the options (bench.c), the measuring (measure.c) and the
 * output (bench_report.c) of `rseqkit bench`. How a figure is made is in bench/METHOD.md.
 *
 * Which benches and contenders there are is the workers' knowledge; the tool asks for it.
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
#define BENCH_THREAD_COUNTS_MAX 16 /* how many numbers of threads */
#define BENCH_ROUNDS_FEW 3	   /* fewer are said to be few */

struct bench_contender {
	char name[32];
	enum bench_environment environment;
	uint64_t iterations; /* of a slice; 0: as many as fit */
};

struct bench {
	char name[32];
	char what[96];
	unsigned seconds; /* of measuring, by default */
	bool one_thread;
	bool selected;
	unsigned contender_count;
	struct bench_contender contenders[BENCH_CONTENDERS_MAX];
};

/* Nanoseconds per operation, over placements. */
struct bench_figure {
	double min, median, max;
	double mode_median[BENCH_MODES];
};

/* One contender with one number of threads. */
struct bench_cell {
	double fastest[BENCH_MODES]; /* least nanoseconds so far of a slice, per iteration; 0: none yet */
	double best[BENCH_MODES][BENCH_PLACEMENTS_MAX];
	struct bench_figure figure; /* valid if it could run */
	char unavailable[BENCH_WHY_SIZE]; /* why it can't run here; empty if it can */
};

/* One bench with one number of threads: its cells are measured in turn. */
struct bench_group {
	struct bench *bench;
	unsigned threads;
	unsigned rounds;
	double weight; /* share of the time */
	double used_ns;
	struct bench_cell *cells; /* as many as contenders */
};

struct bench_run {
	unsigned count, placements, cpus;
	struct bench benches[BENCH_MAX];
	unsigned group_count;
	struct bench_group *groups;
	double seconds; /* of measuring, in all */
	double busy;	/* load.h: the share of the CPUs' time that others took meanwhile, or -1 */
	char owners[BENCH_ENVIRONMENTS][16]; /* who owns rseq in each kind of worker; empty if none was needed */
	struct bench_worker workers[BENCH_MODES][BENCH_ENVIRONMENTS];
	struct bench_peer peers[BENCH_ENVIRONMENTS]; /* of environments that have one */
};

/* How many CPUs this process, and so its workers, may use. */
unsigned bench_usable_cpus(void);

/* Learns which benches there are. Complains and returns false if no worker can tell. */
bool bench_list(struct bench_run *run);

/* Measures the selected benches with these numbers of threads, for about `seconds` (0: as the benches have it). */
bool bench_measure(struct bench_run *run, const unsigned *threads, unsigned thread_counts, double seconds);

/* Ends the workers and releases memory, whatever happened before. */
void bench_end(struct bench_run *run);

void bench_print_list(const struct bench_run *run);
void bench_print_text(const struct bench_run *run);
json_object *bench_json(const struct bench_run *run);

/* JSON into a file, which this ends with. Complains and returns false if it can't be written. */
bool bench_save_json(json_object *report, struct file *file);

#endif /* RK_TOOL_BENCH_H */
