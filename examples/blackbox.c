/* SPDX-License-Identifier: MIT */
/*
 * blackbox.c - an event recorder: every thread records events, and the newest 1,000 of them are written at SIGUSR1 and at a
 * crash.
 *
 * The ring overwrites, so recording never stops, and takes a few nanoseconds. The signal handler writes the newest events of
 * all CPUs that were recorded before the handler began, in order of time. `blackbox crash` crashes at the end. The events go to
 * standard error, a line for each: the wall clock, the CPU, the thread, and the number.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <rseqkit.h>

#define THREADS 4
#define NEWEST 1000

struct event {
	uint32_t thread;
	uint32_t number;
};

/* The state of one handler that writes events. */
struct dump {
	struct rk_ring_times times;
	uint64_t began, first, last;
	uint64_t since; /* from this time on, no event is missing */
	size_t count;
	bool is_wrong;
};

static struct rk_ring *ring;
static int stop;
static struct dump latest;

/* In a signal handler printf() isn't allowed. */
static size_t put_number(char *to, uint64_t number, int digits)
{
	char reversed[20];
	int n = 0;

	do {
		reversed[n++] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0 || n < digits);
	for (int i = 0; i < n; i++)
		to[i] = reversed[n - 1 - i];
	return (size_t)n;
}

static int print(void *context, const struct rk_ring_record *record)
{
	struct dump *dump = context;
	uint64_t wall = (uint64_t)rk_ring_realtime(&dump->times, record->time);
	struct event event;
	char line[128];
	size_t at = 0;

	memcpy(&event, record->data, sizeof(event));
	at += put_number(line + at, wall / 1000000000, 1);
	line[at++] = '.';
	at += put_number(line + at, wall % 1000000000, 9);
	line[at++] = ' ';
	at += put_number(line + at, record->cpu < 0 ? 9999 : (uint64_t)record->cpu, 3); /* 9999: the overflow ring */
	line[at++] = ' ';
	at += put_number(line + at, event.thread, 1);
	line[at++] = ' ';
	at += put_number(line + at, event.number, 1);
	line[at++] = '\n';
	dump->is_wrong |= record->time < dump->last || record->time >= dump->began;
	dump->first = dump->count++ == 0 ? record->time : dump->first;
	dump->last = record->time;
	return write(STDERR_FILENO, line, at) == (ssize_t)at ? 0 : -1;
}

static void write_newest(uint64_t began)
{
	latest = (struct dump){.began = began};
	if (rk_ring_read_times(ring, &latest.times, sizeof(latest.times)) < 0)
		return;
	/* While another thread writes the newest events, the result is -EBUSY. Waits for that thread, at most a second. */
	for (int i = 0; i < 1000 && rk_ring_newest(ring, began, NEWEST, &latest.since, print, &latest) == -EBUSY; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void on_request(int signal)
{
	uint64_t began = rk_ring_clock(); /* first of all, so that no later event is written */
	int saved = errno;

	(void)signal;
	write_newest(began);
	errno = saved;
}

/* SA_RESETHAND has restored the default action. The handler returns, the instruction crashes again, and the process ends. */
static void on_crash(int signal)
{
	uint64_t began = rk_ring_clock();

	write_newest(began);
	raise(signal);
}

static void *work(void *arg)
{
	struct event event = {.thread = (uint32_t)(uintptr_t)arg};

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		event.number++;
		(void)rk_ring_write_stamped(ring, &event, sizeof(event));
		if (event.number % 100 == 0)
			nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct rk_ring_options options = {.size = 1 << 20, .flags = RK_RING_OVERWRITE};
	struct sigaction request = {.sa_handler = on_request}, crash = {.sa_handler = on_crash, .sa_flags = SA_RESETHAND};
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	pthread_t threads[THREADS];

	if (rk_ring_create(&ring, &options, sizeof(options)) < 0 || sigaction(SIGUSR1, &request, NULL) != 0)
		return 1;
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		if (sigaction(crashes[i], &crash, NULL) != 0)
			return 1;
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)i) != 0)
			abort();
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
	if (argc > 1 && strcmp(argv[1], "crash") == 0)
		abort();
	raise(SIGUSR1);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%zu events, in order of time; none is missing: %s\n", latest.count, latest.since <= latest.first ? "yes" : "no");
	if (latest.count != NEWEST || latest.is_wrong || latest.since > latest.first)
		return 1;
	return rk_ring_destroy(ring) == 0 ? 0 : 1;
}
