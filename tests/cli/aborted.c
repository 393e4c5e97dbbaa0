/* SPDX-License-Identifier: MIT */
/*
 * aborted.c - a program whose critical sections abort all the time.
 *
 *	aborted [MODE...] SECONDS
 *
 * Threads count with a per-CPU counter, and each thread gets a signal from its own timer again and again. The program
 * checks the count, and exits with 0, or with 1 if the count is wrong. It prints "ready" on stderr. Each mode changes something:
 *
 *	threads=N	the number of threads, 1 if not given
 *	interval=N	the interval of the timers in nanoseconds, 50000 if not given
 *	membarrier	a thread also calls membarrier(2) all the time, which aborts more often than signals can
 *	name=TEXT	the name of each thread that counts
 *	fork		a child counts, too, and its exit status becomes the program's
 *	again=NAME	first counts, then executes /proc/self/exe as NAME, without `again`, and with the rest of the arguments
 *	unlink		removes its own file first
 *	status=N	exits with N if the count is right
 *	passes		prints the number of adds on stdout
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <rseqkit.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX 64

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static struct rk_counter *counter;
static const char *name;
static long interval = 50000;
static bool calls_membarrier;
static int stop;

static void on_signal(int signal)
{
	(void)signal;
}

/* The section that aborts is in this function. */
__attribute__((__noinline__)) static void count_thousand(void)
{
	for (int i = 0; i < 1000; i++)
		rk_counter_add(counter, 1);
}

static void *count(void *argument)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
	struct itimerspec times = {{0, interval}, {0, interval}};
	int64_t *mine = (int64_t *)argument;
	timer_t timer;

	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	if (name != NULL)
		prctl(PR_SET_NAME, name);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &times, NULL) != 0)
		abort();
	for (; !__atomic_load_n(&stop, __ATOMIC_RELAXED); *mine += 1000)
		count_thousand();
	timer_delete(timer);
	return NULL;
}

static void *call_membarrier(void *argument)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		(void)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, 0, 0);
	return argument;
}

/* Counts for some time in all threads. Returns true if the count is right. */
static bool count_for(double seconds, int threads, bool prints)
{
	struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
	int64_t counts[THREADS_MAX] = {0}, total = 0, before = rk_counter_sum(counter);
	pthread_t ids[THREADS_MAX], caller;

	stop = 0;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, count, &counts[i]) != 0)
			abort();
	if (calls_membarrier && pthread_create(&caller, NULL, call_membarrier, NULL) != 0)
		abort();
	while (nanosleep(&pause, &pause) != 0)
		;
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	if (calls_membarrier)
		pthread_join(caller, NULL);
	for (int i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		total += counts[i];
	}
	if (prints)
		printf("%" PRId64 "\n", total);
	return rk_counter_sum(counter) - before == total;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	int threads = 1, status = 0, child_status = 0, at = 1;
	bool forks = false, prints = false, right;
	const char *again = NULL;
	double seconds;
	pid_t child = -1;

	for (; at < argc - 1; at++) {
		char *argument = argv[at];

		if (strncmp(argument, "threads=", 8) == 0)
			threads = atoi(argument + 8);
		else if (strncmp(argument, "interval=", 9) == 0)
			interval = atol(argument + 9);
		else if (strcmp(argument, "membarrier") == 0)
			calls_membarrier = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0) == 0;
		else if (strncmp(argument, "name=", 5) == 0)
			name = argument + 5;
		else if (strcmp(argument, "fork") == 0)
			forks = true;
		else if (strncmp(argument, "again=", 6) == 0 && (again = argument + 6) != NULL)
			break;
		else if (strncmp(argument, "status=", 7) == 0)
			status = atoi(argument + 7);
		else if (strcmp(argument, "passes") == 0)
			prints = true;
		else if (strcmp(argument, "unlink") == 0)
			(void)!unlink(argv[0]);
		else
			return 2;
	}
	seconds = argc > 1 ? atof(argv[argc - 1]) : 1;
	if (threads < 1 || threads > THREADS_MAX || rk_counter_create(&counter) != 0)
		return 2;
	sigaction(SIGRTMIN, &action, NULL);
	fputs("ready\n", stderr);
	if (forks)
		child = fork();
	right = count_for(seconds, threads, prints);
	if (child == 0)
		return right ? 0 : 1;
	if (child > 0)
		waitpid(child, &child_status, 0);
	if (again != NULL) {
		argv[at] = (char *)(uintptr_t)again;
		execv("/proc/self/exe", argv + at);
		return 2;
	}
	return right && child_status == 0 ? status : 1;
}
