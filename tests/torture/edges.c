/* SPDX-License-Identifier: MIT */
/*
 * edges.c - programs that do rare things, which a tracer can disturb, for tests of `rseqkit torture`. A program ends with
 * status 0 only if it saw no difference from a run without a tracer, and its count is exact.
 *
 * usage: edges NAME [ARGUMENT...]
 */
#define _GNU_SOURCE
#include "edges.h"
#include "named.h"

#include <fcntl.h>
#include <pthread.h>
#include <rseqkit/counter.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ADDS = 3000, CALLS = 2000, CHILDREN = 300, ORPHANS = 60, OTHER_USER = 65534 };

static struct rk_counter *counter;
char **arguments;

int counts(void)
{
	int64_t before = rk_counter_sum(counter);

	for (int i = 0; i < ADDS; i++)
		rk_counter_add(counter, 1);
	return rk_counter_sum(counter) - before == ADDS;
}

void count_some(void)
{
	for (int i = 0; i < 3; i++) {
		rk_counter_add(counter, 1);
		rk_counter_add(counter, 2);
	}
}

static int is_blocked(void)
{
	sigset_t now;

	return pthread_sigmask(SIG_BLOCK, NULL, &now) == 0 && sigismember(&now, SIGTRAP) == 1;
}

static void *count_blocked(void *argument)
{
	*(int *)argument = counts() && is_blocked();
	return NULL;
}

/* SIGTRAP stays blocked in this thread and in a new one. A SIGTRAP that is sent stays pending until the thread waits for it. */
static int blocks(void)
{
	const struct timespec second = {1, 0};
	const union sigval value = {.sival_int = 42};
	pthread_t thread;
	sigset_t trap;
	siginfo_t info;
	int exact = 0;

	sigemptyset(&trap);
	for (int i = 0; i < CALLS; i++)
		sigprocmask(SIG_BLOCK, &trap, NULL);
	sigaddset(&trap, SIGTRAP);
	sigprocmask(SIG_BLOCK, &trap, NULL);
	pthread_sigqueue(pthread_self(), SIGTRAP, value);
	if (!counts() || !is_blocked() || pthread_create(&thread, NULL, count_blocked, &exact) != 0)
		return 0;
	pthread_join(thread, NULL);
	return exact && sigtimedwait(&trap, &info, &second) == SIGTRAP && info.si_value.sival_int == 42;
}

/* SIGTRAP stays ignored. `edges ignored` is started with SIGTRAP ignored. */
static int ignored(void)
{
	struct sigaction now;

	raise(SIGTRAP);
	(void)ptrace(PTRACE_CONT, 0, NULL, NULL); /* fails, because 0 is no process, but the tool watches this function */
	return counts() && prctl(PR_GET_DUMPABLE) >= 0 && sigaction(SIGTRAP, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static int ignores(void)
{
	signal(SIGTRAP, SIG_IGN);
	return ignored();
}

/* Like ignores(), but runs for 300 ms more, so that the test sees the tool's message before the end. */
static int ignores_long(void)
{
	int right = counts() && ignores();

	usleep(300000);
	return right && counts();
}

static volatile sig_atomic_t traps;

static void note(int signal)
{
	(void)signal;
	traps++;
}

/* The program executes a trap instruction of two bytes (int 3), while breakpoints have one byte. */
static int long_traps(void)
{
	signal(SIGTRAP, note);
#if defined(__x86_64__)
	__asm__ __volatile__(".byte 0xcd, 3");
#else
	raise(SIGTRAP);
#endif
	return traps == 1 && counts();
}

/* A child of vfork() calls PTRACE_TRACEME, as a small debugger lets it do. */
static int spawns_traced(void)
{
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execl("/bin/true", "true", (char *)NULL);
		_exit(9);
	}
	while (waitpid(pid, &status, 0) == pid && !WIFEXITED(status))
		if (ptrace(PTRACE_CONT, pid, NULL, NULL) != 0)
			return 0;
	return status == 0 && counts();
}

/* The program makes itself undumpable, so the tool can't open its memory. Then it makes a child without calling fork(). */
static int closes(void)
{
	int status;
	pid_t pid;

	if (!counts() || prctl(PR_SET_DUMPABLE, 0) != 0)
		return 0;
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(counts() ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

/* The program gives up its privileges before it makes a child. */
static int drops(void)
{
	int status;
	pid_t pid;

	if (!counts() || setgid(OTHER_USER) != 0 || setuid(OTHER_USER) != 0 || !counts())
		return 0;
	pid = fork();
	if (pid == 0)
		_exit(counts() ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && status == 0;
}

static int narrowed;

static void *compare_cpus(void *argument)
{
	cpu_set_t now;

	usleep(50000);
	sched_getaffinity(0, sizeof(now), &now);
	if (!CPU_EQUAL(&now, (cpu_set_t *)argument))
		__atomic_store_n(&narrowed, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void *make_threads(void *argument)
{
	for (int i = 0; i < 200; i++) {
		pthread_t thread;

		for (int j = 0; j < 200; j++)
			rk_counter_add(counter, 1);
		if (i % 10 == 0 && pthread_create(&thread, NULL, compare_cpus, argument) == 0)
			pthread_detach(thread);
	}
	return NULL;
}

/* Checks that a new thread is allowed to use all CPUs that its creator is allowed to use. */
static int narrows(void)
{
	pthread_t threads[2];
	cpu_set_t all;

	sched_getaffinity(0, sizeof(all), &all);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, make_threads, &all) != 0)
			return 0;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	usleep(200000);
	return !__atomic_load_n(&narrowed, __ATOMIC_RELAXED);
}

/* The program has more children at the same time than the tracer is allowed to have open files. */
static int many(void)
{
	int pipes[2], status, wrong = 0;
	char byte;

	if (pipe(pipes) != 0)
		return 0;
	for (int i = 0; i < CHILDREN; i++)
		if (fork() == 0) {
			close(pipes[1]);
			(void)!read(pipes[0], &byte, 1);
			_exit(!counts());
		}
	close(pipes[1]);
	while (wait(&status) > 0)
		wrong += status != 0;
	return wrong == 0 && counts();
}

static _Noreturn void make_children(void)
{
	for (;;) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			_exit(!counts());
		while (waitpid(-1, &status, WNOHANG) > 0)
			continue;
	}
}

/* Processes that make children all the time are killed. Their children continue, and end by themselves. */
static int orphans(void)
{
	int status;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < ORPHANS; i++) {
		pid_t pid = fork();

		if (pid == 0)
			make_children();
		usleep(1000 + (useconds_t)(random() % 3000));
		kill(pid, SIGKILL);
	}
	for (int i = 0; i < 500; i++) {
		pid_t pid;

		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (status != 0 && status != SIGKILL)
				return 0;
		if (pid < 0)
			return counts();
		usleep(10000);
	}
	return 0;
}

static volatile sig_atomic_t over;

static void *send_signals(void *argument)
{
	while (!over)
		pthread_kill(*(pthread_t *)argument, SIGSEGV);
	return argument;
}

/* Signals come while the program calls functions that the tracer watches. After that, the program ignores SIGTRAP. */
static int disturbed(void)
{
	pthread_t self = pthread_self(), thread;
	sigset_t none;

	signal(SIGSEGV, note);
	sigemptyset(&none);
	if (pthread_create(&thread, NULL, send_signals, &self) != 0)
		return 0;
	for (int i = 0; i < CALLS; i++) {
		pthread_sigmask(SIG_BLOCK, &none, NULL);
		signal(SIGUSR2, SIG_IGN);
	}
	over = 1;
	pthread_join(thread, NULL);
	return ignores();
}

/* Counts after the first thread has ended, until standard input ends. */
static void *count_late(void *argument)
{
	char byte;

	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	usleep(100000);
	printf("begun\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) != 0)
		rk_counter_add(counter, 1);
	exit(!counts());
	return argument;
}

static int counts_late(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, count_late, NULL) == 0)
		pthread_exit(NULL);
	return 0;
}

/* Traces a thread until standard input ends. */
static int attaches(void)
{
	char byte;

	if (ptrace(PTRACE_SEIZE, (pid_t)atoi(arguments[0]), NULL, NULL) != 0)
		return 0;
	printf("attached\n");
	fflush(stdout);
	(void)!read(STDIN_FILENO, &byte, 1);
	return 1;
}

/* A child of vfork() counts until standard input ends. */
static int vforks(void)
{
	int status;
	pid_t pid;

	fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	printf("begun\n");
	fflush(stdout);
	pid = vfork();
	if (pid == 0) {
		char byte;

		while (read(STDIN_FILENO, &byte, 1) != 0) {
			rk_counter_add(counter, 1);
			usleep(100);
		}
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 && counts();
}

static const struct named programs[] = {
	{"blocks", blocks, 0},     {"ignored", ignored, 0}, {"ignores", ignores, 0}, {"long-traps", long_traps, 0},
	{"spawns-traced", spawns_traced, 0}, {"closes", closes, 0},   {"narrows", narrows, 0}, {"many", many, 0},
	{"orphans", orphans, 0},   {"maps", maps, 2},       {"replaces", replaces, 2}, {"attaches", attaches, 1},
	{"vforks", vforks, 0},     {"unlinks", unlinks, 2}, {"moves", moves, 1},       {"loads-late", loads_late, 1},
	{"disturbed", disturbed, 0}, {"counts-late", counts_late, 0}, {"alternates", alternates, 2},
	{"forks-masked", forks_masked, 0}, {"forks-counting", forks_counting, 0}, {"forks-forever", forks_forever, 0},
	{"drops", drops, 0},       {"ignores-long", ignores_long, 0}, {"killed", is_killed, 0},    {"ends-twice", ends_twice, 0},
	{"widens", widens, 0},
	 {"masks-race", masks_race, 0}, {"actions-race", actions_race, 0},
};

int main(int argc, char **argv)
{
	return run_named(programs, sizeof(programs) / sizeof(programs[0]), argc, argv, &counter, &arguments);
}
