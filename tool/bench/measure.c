/* SPDX-License-Identifier: MIT */
/*
 * measure.c - runs the slices of `rseqkit bench`, from which medians.c makes the figures. A contender is one of the ways to do a
 * bench's job. A worker is a process that runs the contenders' loops. A slice is one measured run of a loop. A placement is a
 * copy of a loop at another address.
 *
 * The invariant: one slice runs at a time, and contenders are interleaved slice by slice. A round of a group (one bench, one
 * number of threads) runs every contender, in the PIE and in the non-PIE worker, at every placement. The groups take turns
 * round by round. For each placement, the best slice of each contender is kept. A contender's figure is the median of these
 * best slices.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/output.h"
#include "load.h"
#include "tool.h"

/*
 * Slices are short, so that some are undisturbed. If there are more threads than CPUs, slices are long enough to contain
 * preemptions.
 */
#define SLICE_NS 300000.0
#define SLICE_CROWDED_NS 6000000.0
#define SLICE_MIN_NS 20000.0
#define ITERATIONS_MIN 32
#define ITERATIONS_MAX 1000000000000 /* if more iterations seem to fit into a slice, the worker's times must be wrong */
#define GROWTH_MAX 100 /* a slice has at most this many times the iterations of the last one, whose time is a rough prediction */
/* With the usual numbers of threads a whole run takes less than a minute, however many benches there are. */
#define SECONDS_DEFAULT_MAX 50.0
#define THREAD_COUNTS_USUAL 3

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

unsigned bench_usable_cpus(void)
{
	cpu_set_t set;
	long online;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned)CPU_COUNT(&set);
	online = sysconf(_SC_NPROCESSORS_ONLN); /* there are more CPUs than a cpu_set_t can hold */
	return online > 0 ? (unsigned)online : 1;
}

/*
 * Returns the worker of this kind, and starts it if necessary. Returns NULL after an error. If the returned worker's pid is 0,
 * its allocator isn't available, and run->peers[] has the reason.
 */
static struct bench_worker *get_worker(struct bench_run *run, enum bench_mode mode, enum bench_environment environment)
{
	struct bench_worker *worker = &run->workers[mode][environment];
	char *owner = run->owners[environment];
	const char *answer;

	if (worker->pid == 0 && bench_is_peer(environment)) {
		if (run->peers[environment].unavailable[0] != '\0' ||
		    !bench_peer_start(worker, mode, environment, &run->peers[environment]))
			return worker;
	} else if (worker->pid == 0 && !bench_worker_start(worker, mode, environment, NULL)) {
		return NULL;
	}
	if (owner[0] == '\0') {
		if (!bench_worker_ask(worker, "owner") || (answer = bench_worker_answer(worker)) == NULL)
			return NULL;
		copy_printable(owner, sizeof(run->owners[0]), answer);
	}
	return worker;
}

/*
 * The worker's list names a condition for each contender. Finds the environment that meets this condition. Returns false if
 * there is none.
 */
static bool environment_of(const char *condition, enum bench_environment *environment)
{
	if (strcmp(condition, "any") == 0 || strcmp(condition, "rseq") == 0 || strcmp(condition, "glibc") == 0)
		*environment = BENCH_AS_IS;
	else if (strcmp(condition, "self") == 0)
		*environment = BENCH_NO_LIBC;
	else if (strcmp(condition, "none") == 0)
		*environment = BENCH_NO_RSEQ;
	else
		return bench_peer_environment(condition, environment);
	return true;
}

/* Parses one line of the answer to "list". */
static bool parse_line(struct bench_run *run, const char *line)
{
	struct bench *bench = run->count > 0 ? &run->benches[run->count - 1] : NULL;
	unsigned one_thread;
	unsigned long long iterations;
	char condition[16];

	if (sscanf(line, "placements %u", &run->placements) == 1)
		return run->placements > 0 && run->placements <= BENCH_PLACEMENTS_MAX;
	if (strncmp(line, "bench ", 6) == 0 && run->count < BENCH_MAX) {
		bench = &run->benches[run->count++];
		if (sscanf(line, "bench %31s %u %u %95[^\n]", bench->name, &bench->seconds, &one_thread,
			   bench->what) != 4)
			return false;
		bench->one_thread = one_thread != 0;
		return true;
	}
	if (bench != NULL && bench->contender_count < BENCH_CONTENDERS_MAX) {
		struct bench_contender *contender = &bench->contenders[bench->contender_count++];

		if (sscanf(line, "contender %31s %15s %llu", contender->name, condition, &iterations) != 3)
			return false;
		contender->iterations = iterations;
		return environment_of(condition, &contender->environment);
	}
	return false;
}

bool bench_list(struct bench_run *run)
{
	struct bench_worker *worker = get_worker(run, BENCH_PIE, BENCH_AS_IS);
	const char *line;

	if (worker == NULL || !bench_worker_ask(worker, "list"))
		return false;
	while ((line = bench_worker_answer(worker)) != NULL && strcmp(line, "end") != 0)
		if (!parse_line(run, line)) {
			complain("%s: unexpected answer '%s'", worker->name, line);
			return false;
		}
	if (line != NULL && run->placements == 0)
		complain("%s lists no placements", worker->name);
	return line != NULL && run->placements > 0;
}

/* Runs one slice. Sets *ns to 0 if the contender isn't available. */
static bool run_slice(struct bench_run *run, struct bench_group *group, unsigned contender_index, enum bench_mode mode,
		      unsigned placement, uint64_t iterations, double *ns)
{
	const struct bench_contender *contender = &group->bench->contenders[contender_index];
	struct bench_cell *cell = &group->cells[contender_index];
	struct bench_worker *worker = get_worker(run, mode, contender->environment);
	const char *answer;
	char *end;

	*ns = 0;
	if (worker != NULL && worker->pid == 0) {
		snprintf(cell->unavailable, sizeof(cell->unavailable), "%s",
			 run->peers[contender->environment].unavailable);
		return true;
	}
	if (worker == NULL ||
	    !bench_worker_ask(worker, "run %s %s %u %u %llu", group->bench->name, contender->name, placement,
			      group->threads, (unsigned long long)iterations))
		return false;
	answer = bench_worker_answer(worker);
	if (answer == NULL)
		return false;
	if (strncmp(answer, "unavailable ", 12) == 0) {
		copy_printable(cell->unavailable, sizeof(cell->unavailable), answer + 12);
		return true;
	}
	*ns = strtod(answer, &end);
	if (end != answer && *end == ' ') {
		cell->has_memory = true;
		cell->kib = strtod(end + 1, &end);
	}
	if (end == answer || *end != '\0' || !(*ns >= 1)) {
		complain("%s: unexpected answer '%s'", worker->name, answer);
		return false;
	}
	return true;
}

/*
 * Returns how many iterations the next slice has, from the time of an iteration in the fastest slice so far. If that slice was
 * disturbed, the number is too low, and grows after a faster slice.
 */
static uint64_t slice_iterations(const struct bench_contender *contender, double fastest_ns, double slice_ns)
{
	if (contender->iterations > 0)
		return contender->iterations;
	if (fastest_ns == 0 || slice_ns / fastest_ns < ITERATIONS_MIN)
		return ITERATIONS_MIN;
	return (uint64_t)(slice_ns / fastest_ns);
}

/* Measures one slice of a contender, or several slices if it isn't known yet how many iterations fit into a slice. */
static bool measure_cell(struct bench_run *run, struct bench_group *group, unsigned contender, enum bench_mode mode,
			 unsigned placement, double slice_ns)
{
	struct bench_contender *what = &group->bench->contenders[contender];
	struct bench_cell *cell = &group->cells[contender];
	double *fastest = &cell->fastest[mode], *best = &cell->best[mode][placement];
	unsigned at_once = group->threads < run->cpus ? group->threads : run->cpus;
	uint64_t n = slice_iterations(what, *fastest, slice_ns), wanted = n;
	double ns;

	do {
		n = wanted < GROWTH_MAX * n ? wanted : GROWTH_MAX * n;
		if (n > ITERATIONS_MAX) {
			complain("%s %s takes no time", group->bench->name, what->name);
			return false;
		}
		if (!run_slice(run, group, contender, mode, placement, n, &ns))
			return false;
		if (ns == 0)
			return true;
		if (*fastest == 0 || ns / (double)n < *fastest)
			*fastest = ns / (double)n;
		/* Compute the CPU time of one operation. `at_once` threads run at the same time. */
		ns = ns * at_once / ((double)n * group->threads);
		if (*best == 0 || ns < *best)
			*best = ns;
		wanted = slice_iterations(what, *fastest, slice_ns);
	} while (wanted > 2 * n);
	return true;
}

static bool measure_round(struct bench_run *run, struct bench_group *group, double slice_ns)
{
	double start = now_ns();

	for (unsigned placement = 0; placement < run->placements; placement++)
		for (unsigned i = 0; i < group->bench->contender_count; i++)
			for (unsigned mode = 0; mode < BENCH_MODES; mode++)
				if (bench_is_available(group, i) &&
				    !measure_cell(run, group, i, (enum bench_mode)mode, placement, slice_ns))
					return false;
	group->rounds++;
	group->used_ns += now_ns() - start;
	return true;
}

static bool add_group(struct bench_run *run, struct bench *bench, unsigned threads, double weight)
{
	struct bench_group *group = &run->groups[run->group_count++];

	*group = (struct bench_group){.bench = bench, .threads = threads, .weight = weight};
	group->cells = calloc(bench->contender_count, sizeof(group->cells[0]));
	return group->cells != NULL;
}

static bool make_groups(struct bench_run *run, const unsigned *threads, unsigned thread_counts)
{
	run->groups = calloc((size_t)run->count * thread_counts, sizeof(run->groups[0]));
	if (run->groups == NULL)
		return false;
	for (unsigned i = 0; i < run->count; i++) {
		struct bench *bench = &run->benches[i];
		unsigned counts = bench->one_thread ? 1 : thread_counts;
		double seconds = counts > THREAD_COUNTS_USUAL ? (double)bench->seconds / THREAD_COUNTS_USUAL :
								(double)bench->seconds / counts;

		for (unsigned t = 0; bench->selected && t < counts; t++)
			if (!add_group(run, bench, bench->one_thread ? 1 : threads[t], seconds))
				return false;
	}
	return true;
}

/* Returns the group that has used the smallest part of the time that it should get. */
static struct bench_group *next_group(struct bench_run *run)
{
	struct bench_group *next = &run->groups[0];

	for (unsigned i = 1; i < run->group_count; i++)
		if (run->groups[i].used_ns / run->groups[i].weight < next->used_ns / next->weight)
			next = &run->groups[i];
	return next;
}

/* Returns the length of a slice. If time is short, slices are shorter, so that there is at least one round. */
static double slice_of(const struct bench_run *run, const struct bench_group *group, double group_ns)
{
	double slices = (double)group->bench->contender_count * BENCH_MODES * run->placements;
	double slice = group->threads > run->cpus ? SLICE_CROWDED_NS : SLICE_NS;

	if (group_ns / slices < slice)
		slice = group_ns / slices;
	return slice < SLICE_MIN_NS ? SLICE_MIN_NS : slice;
}

static void read_load(const struct bench_run *run, struct bench_load *load)
{
	pid_t pids[BENCH_MODES * BENCH_ENVIRONMENTS];
	size_t count = 0;

	for (unsigned mode = 0; mode < BENCH_MODES; mode++)
		for (unsigned i = 0; i < BENCH_ENVIRONMENTS; i++)
			pids[count++] = run->workers[mode][i].pid;
	bench_load_read(load, pids, count);
}

bool bench_measure(struct bench_run *run, const unsigned *threads, unsigned thread_counts, double seconds)
{
	double weights = 0, start = now_ns(), most = SECONDS_DEFAULT_MAX;
	struct bench_load before, after;
	struct bench_group *group;

	run->cpus = bench_usable_cpus();
	if (!make_groups(run, threads, thread_counts)) {
		complain("out of memory");
		return false;
	}
	for (unsigned i = 0; i < run->group_count; i++)
		weights += run->groups[i].weight;
	if (thread_counts > THREAD_COUNTS_USUAL)
		most = most * thread_counts / THREAD_COUNTS_USUAL;
	if (seconds <= 0)
		seconds = weights < most ? weights : most;
	read_load(run, &before);
	while ((group = next_group(run))->rounds == 0 || now_ns() - start < seconds * 1e9) {
		double done = (now_ns() - start) / (seconds * 1e7);
		char text[96];

		snprintf(text, sizeof(text), "%3.0f%% %s, %u thread%s", done < 100 ? done : 100, group->bench->name,
			 group->threads, group->threads == 1 ? "" : "s");
		print_progress(text);
		if (!measure_round(run, group, slice_of(run, group, seconds * 1e9 * group->weight / weights)))
			return false;
	}
	print_progress(NULL);
	run->seconds = (now_ns() - start) / 1e9;
	read_load(run, &after);
	run->busy = bench_load_of_others(&before, &after);
	bench_make_figures(run);
	return true;
}

void bench_end(struct bench_run *run)
{
	for (unsigned mode = 0; mode < BENCH_MODES; mode++)
		for (unsigned i = 0; i < BENCH_ENVIRONMENTS; i++)
			bench_worker_stop(&run->workers[mode][i]);
	for (unsigned i = 0; i < run->group_count; i++)
		free(run->groups[i].cells);
	free(run->groups);
}
