/* SPDX-License-Identifier: MIT */
/*
 * count.c - the job of `rseqkit demo`: counts the events of files. The code is written once for all methods of counting.
 *
 * The input is divided into numbered chunks, and each thread repeatedly takes the next number. A word belongs to the chunk in
 * which it starts, and the thread that counts this chunk also reads the rest of the word in the next chunk. Every event is
 * therefore counted exactly once, wherever the borders are.
 */
#define _GNU_SOURCE
#include "count.h"

#include <errno.h>
#include <pthread.h>
#include <rseqkit/counter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/output.h"
#include "common/sorted.h"
#include "tool.h"

#define SHOW_NS 200000000 /* time between two updates of the progress; must be below a second */

/* The counters of all methods. Each method uses its own part. */
struct tally {
	struct rk_counter *per_cpu[DEMO_EVENTS];
	uint64_t shared[DEMO_EVENTS];
	uint64_t locked[DEMO_EVENTS];
	pthread_mutex_t lock;
};

typedef void add_function(struct tally *tally, unsigned event);

struct run {
	const struct demo_job *job;
	const char *name; /* the method's name */
	void (*count)(const struct demo_file *file, size_t begin, size_t end, struct tally *tally);
	struct tally tally;
	size_t *first_chunk;  /* the number of each file's first chunk; the last element is the number of chunks in one pass */
	uint64_t next_ticket; /* atomic; the number of the next chunk, counted over all passes */
	pthread_mutex_t gate; /* the main thread holds it until all threads have been started */
	bool cancelled;       /* protected by `gate` */
};

static inline bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool is_printable(unsigned char c)
{
	return c > ' ' && c < 0x7f;
}

static inline __attribute__((__always_inline__)) void count_word(size_t length, bool printable, struct tally *tally,
								 add_function *add)
{
	if (!printable)
		return;
	add(tally, DEMO_WORD);
	add(tally, DEMO_LENGTH + (unsigned)(length < DEMO_LENGTHS ? length : DEMO_LENGTHS) - 1);
}

/*
 * Counts one chunk: the bytes from `begin` to `end` of the file. This code is inlined, with a constant `add`, into one function
 * for each method, so these functions differ only in `add`.
 */
static inline __attribute__((__always_inline__)) void count_chunk(const struct demo_file *file, size_t begin,
								  size_t end, struct tally *tally, add_function *add)
{
	const unsigned char *bytes = file->bytes;
	bool others = begin > 0 && !is_space(bytes[begin - 1]); /* `at` is in a word that started in an earlier chunk */
	bool printable = false;
	size_t length = 0, at;

	for (at = begin; at < end; at++) {
		unsigned char c = bytes[at];

		add(tally, DEMO_BYTE + c);
		if (c == '\n')
			add(tally, DEMO_LINE);
		if (!is_space(c)) {
			length++;
			printable |= is_printable(c);
			continue;
		}
		count_word(length, printable && !others, tally, add);
		others = false;
		printable = false;
		length = 0;
	}
	if (others)
		return;
	for (; length > 0 && at < file->size && !is_space(bytes[at]); at++) {
		length++;
		printable |= is_printable(bytes[at]);
	}
	count_word(length, printable, tally, add);
}

static inline void add_per_cpu(struct tally *tally, unsigned event)
{
	rk_counter_add(tally->per_cpu[event], 1);
}

static inline void add_shared(struct tally *tally, unsigned event)
{
	__atomic_fetch_add(&tally->shared[event], 1, __ATOMIC_RELAXED);
}

static inline void add_locked(struct tally *tally, unsigned event)
{
	pthread_mutex_lock(&tally->lock);
	tally->locked[event]++;
	pthread_mutex_unlock(&tally->lock);
}

#define INSTANTIATE(name, add)                                                                                         \
	static void name(const struct demo_file *file, size_t begin, size_t end, struct tally *tally)                  \
	{                                                                                                              \
		count_chunk(file, begin, end, tally, add);                                                             \
	}

INSTANTIATE(count_per_cpu, add_per_cpu)
INSTANTIATE(count_shared, add_shared)
INSTANTIATE(count_locked, add_locked)

static uint64_t read_per_cpu(const struct tally *tally, unsigned event)
{
	return (uint64_t)rk_counter_sum(tally->per_cpu[event]);
}

static uint64_t read_shared(const struct tally *tally, unsigned event)
{
	return __atomic_load_n(&tally->shared[event], __ATOMIC_RELAXED);
}

static uint64_t read_locked(const struct tally *tally, unsigned event)
{
	return tally->locked[event];
}

static const struct {
	const char *name;
	void (*count)(const struct demo_file *file, size_t begin, size_t end, struct tally *tally);
	uint64_t (*read)(const struct tally *tally, unsigned event);
} methods[DEMO_METHODS] = {
	[DEMO_RSEQKIT] = {"rseqkit", count_per_cpu, read_per_cpu},
	[DEMO_SHARED_ATOMIC] = {"shared-atomic", count_shared, read_shared},
	[DEMO_MUTEX] = {"mutex", count_locked, read_locked},
};

const char *demo_method_name(enum demo_method method)
{
	return methods[method].name;
}

double demo_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Finds the file of a chunk: the last file whose first chunk's number isn't greater than `chunk`. */
static size_t file_of(const struct run *run, size_t chunk)
{
	return COUNT_WHILE(i, run->job->input->count, run->first_chunk[i] <= chunk) - 1;
}

/* Returns the number of chunks, counted over all passes. */
static uint64_t tickets_of(const struct run *run)
{
	return run->first_chunk[run->job->input->count] * run->job->passes;
}

static void *worker(void *argument)
{
	struct run *run = (struct run *)argument;
	const struct demo_job *job = run->job;
	size_t chunks = run->first_chunk[job->input->count];
	uint64_t tickets = tickets_of(run), ticket;
	bool cancelled;

	pthread_mutex_lock(&run->gate);
	cancelled = run->cancelled;
	pthread_mutex_unlock(&run->gate);
	if (cancelled)
		return NULL;
	while ((ticket = __atomic_fetch_add(&run->next_ticket, 1, __ATOMIC_RELAXED)) < tickets) {
		size_t chunk = (size_t)(ticket % chunks);
		size_t index = file_of(run, chunk);
		const struct demo_file *file = &job->input->files[index];
		size_t begin = (chunk - run->first_chunk[index]) * job->chunk;
		size_t left = file->size - begin;

		run->count(file, begin, begin + (left < job->chunk ? left : job->chunk), &run->tally);
	}
	return NULL;
}

/* Waits for the end of a thread. Meanwhile shows how many chunks have been taken. */
static void join(struct run *run, pthread_t thread)
{
	struct timespec until;

	for (;;) {
		uint64_t tickets = tickets_of(run), next = __atomic_load_n(&run->next_ticket, __ATOMIC_RELAXED);
		char text[80];

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += SHOW_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (pthread_timedjoin_np(thread, NULL, &until) != ETIMEDOUT)
			return;
		next = next < tickets ? next : tickets;
		snprintf(text, sizeof(text), "counting with %s, %3.0f%% ...", run->name,
			 tickets > 0 ? 100.0 * (double)next / (double)tickets : 100.0);
		print_progress(text);
	}
}

/* Starts the threads, lets all of them begin at once, and measures the time until the last thread ends. */
static bool run_threads(struct run *run, double *seconds)
{
	unsigned count = run->job->threads, started = 0;
	pthread_t *threads = (pthread_t *)calloc(count, sizeof(*threads));
	double start;
	int r = 0;

	if (threads == NULL) {
		complain("not enough memory for %u threads", count);
		return false;
	}
	pthread_mutex_lock(&run->gate);
	for (; started < count; started++) {
		r = pthread_create(&threads[started], NULL, worker, run);
		if (r != 0)
			break;
	}
	run->cancelled = r != 0;
	start = demo_now();
	pthread_mutex_unlock(&run->gate);
	for (unsigned i = 0; i < started; i++)
		join(run, threads[i]);
	*seconds = demo_now() - start;
	free(threads);
	if (r != 0)
		complain("cannot start %u threads, only %u: %s", count, started, strerror(r));
	return r == 0;
}

static bool lay_out(struct run *run)
{
	const struct demo_input *input = run->job->input;
	size_t chunks = 0;

	run->first_chunk = (size_t *)calloc(input->count + 1, sizeof(*run->first_chunk));
	if (run->first_chunk == NULL)
		return false;
	for (size_t i = 0; i < input->count; i++) {
		run->first_chunk[i] = chunks;
		chunks += input->files[i].size / run->job->chunk + (input->files[i].size % run->job->chunk != 0);
	}
	run->first_chunk[input->count] = chunks;
	for (unsigned event = 0; event < DEMO_EVENTS; event++)
		if (rk_counter_create(&run->tally.per_cpu[event]) != 0)
			return false;
	return true;
}

bool demo_count(enum demo_method method, const struct demo_job *job, struct demo_counts *counts, double *seconds)
{
	struct run *run = (struct run *)calloc(1, sizeof(*run));
	bool ok;

	if (run == NULL) {
		complain("not enough memory");
		return false;
	}
	run->job = job;
	run->name = methods[method].name;
	run->count = methods[method].count;
	pthread_mutex_init(&run->tally.lock, NULL);
	pthread_mutex_init(&run->gate, NULL);
	ok = lay_out(run);
	if (!ok)
		complain("not enough memory for the counters");
	ok = ok && run_threads(run, seconds);
	for (unsigned event = 0; event < DEMO_EVENTS; event++) {
		if (ok)
			counts->of[event] = methods[method].read(&run->tally, event);
		(void)rk_counter_destroy(run->tally.per_cpu[event]);
	}
	pthread_mutex_destroy(&run->gate);
	pthread_mutex_destroy(&run->tally.lock);
	free(run->first_chunk);
	free(run);
	return ok;
}
