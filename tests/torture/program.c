/* SPDX-License-Identifier: MIT */
/*
 * program.c - programs that do things which a tracer can disturb, for tests of `rseqkit torture`. Each program counts with a
 * per-CPU counter, and ends with status 0 only if the count is exact and the program saw no difference from a run without a
 * tracer.
 *
 * usage: program NAME    forever: prints a line when it has begun, and ends with SIGUSR1. `forever N` has N threads
 */
#define _GNU_SOURCE
#ifndef NO_MODULES
#include <dlfcn.h>
#endif
#include <pthread.h>
#include <rseqkit/counter.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS_MAX = 100, ADDS = 20000 };

static int thread_count = 3;

static struct rk_counter *counter;
static volatile sig_atomic_t signals, wanted;

/* The tests count critical sections. If a compiler inlined this function, the program would have several copies of its section. */
static __attribute__((__noinline__)) void add_one(void)
{
	rk_counter_add(counter, 1);
}

static void *add(void *argument)
{
	for (int i = 0; i < ADDS; i++)
		add_one();
	return argument;
}

/* Counts in this thread and in other threads. Returns true if the sum is exact. */
static int counts(void)
{
	pthread_t threads[THREADS_MAX];
	int64_t before = rk_counter_sum(counter);

	for (int i = 0; i < thread_count; i++)
		if (pthread_create(&threads[i], NULL, add, NULL) != 0)
			return 0;
	(void)add(NULL);
	for (int i = 0; i < thread_count; i++)
		pthread_join(threads[i], NULL);
	return rk_counter_sum(counter) - before == (int64_t)(thread_count + 1) * ADDS;
}

static int ended_with(pid_t pid, int status)
{
	int result;

	return pid > 0 && waitpid(pid, &result, 0) == pid && result == status;
}

static void note(int signal)
{
	(void)signal;
	__atomic_fetch_add(&signals, 1, __ATOMIC_RELAXED); /* handlers can run in two threads at the same time */
	rk_counter_add(counter, 1);
}

static int forks(void)
{
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(counts() ? 7 : 8);
		if (!ended_with(pid, 7 << 8))
			return 0;
	}
	return counts();
}

/* A vfork child executes the program again. */
static int executes(const char *self)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl(self, self, "threads", NULL);
		_exit(9);
	}
	return ended_with(pid, 0) && counts();
}

/* A timer sends signals while the program counts. */
static int times(void)
{
	const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
	int64_t before = rk_counter_sum(counter);
	int exact;

	signal(SIGALRM, note);
	setitimer(ITIMER_REAL, &often, NULL);
	while (signals < 50)
		rk_counter_add(counter, 0);
	exact = counts();
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_IGN);
	(void)exact; /* the handler counts, too */
	return rk_counter_sum(counter) - before == (int64_t)(thread_count + 1) * ADDS + signals;
}

/* The program raises SIGTRAP itself: by a system call, and by an instruction. */
static int traps(void)
{
	signal(SIGTRAP, note);
	for (int i = 0; i < 10; i++) {
		raise(SIGTRAP);
#if defined(__x86_64__)
		__asm__ __volatile__("int3");
#else
		raise(SIGTRAP);
#endif
		rk_counter_add(counter, 1);
	}
	return signals == 20 && counts();
}

/* The program traces a child of its own. */
static int traces(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
			_exit(1);
		raise(SIGSTOP);
		_exit(counts() ? 3 : 4);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) || ptrace(PTRACE_CONT, pid, NULL, NULL) != 0)
		return 0;
	return ended_with(pid, 3 << 8) && counts();
}

/* The program stops itself, and a child continues it. */
static int stops(void)
{
	pid_t parent = getpid(), pid = fork();
	int status;

	if (pid == 0) {
		for (;;) {
			char path[64], line[256];
			FILE *file;

			snprintf(path, sizeof(path), "/proc/%d/stat", (int)parent);
			file = fopen(path, "r");
			if (file == NULL || fgets(line, sizeof(line), file) == NULL)
				_exit(1);
			fclose(file);
			if (strstr(line, ") T ") != NULL || strstr(line, ") t ") != NULL)
				break;
		}
		kill(parent, SIGCONT);
		_exit(0);
	}
	raise(SIGSTOP);
	return waitpid(pid, &status, 0) == pid && status == 0 && counts();
}

#ifndef NO_MODULES
/* Loads a module with critical sections, uses and unloads it, again and again. */
static int loads(const char *path)
{
	for (int i = 0; i < 20; i++) {
		void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		int (*use)(void);

		if (module == NULL) {
			printf("%s\n", dlerror());
			return 0;
		}
		*(void **)&use = dlsym(module, "use");
		if (use == NULL || use() != 0)
			return 0;
		dlclose(module);
	}
	return counts();
}

#endif

static void end(int signal)
{
	wanted = signal;
}

static int forever(void)
{
	int exact = 1;

	signal(SIGUSR1, end);
	printf("begun\n");
	fflush(stdout);
	while (!wanted)
		exact &= counts();
	printf(exact ? "exact\n" : "wrong\n");
	return exact;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	int right = 0;

	if (rk_counter_create(&counter) != 0)
		return 2;
	if (strcmp(name, "threads") == 0)
		right = counts();
	else if (strcmp(name, "forks") == 0)
		right = forks();
	else if (strcmp(name, "executes") == 0)
		right = executes(argv[0]);
	else if (strcmp(name, "times") == 0)
		right = times();
	else if (strcmp(name, "traps") == 0)
		right = traps();
	else if (strcmp(name, "traces") == 0)
		right = traces();
	else if (strcmp(name, "stops") == 0)
		right = stops();
#ifndef NO_MODULES
	else if (strcmp(name, "loads") == 0 && argc > 2)
		right = loads(argv[2]);
#endif
	else if (strcmp(name, "forever") == 0 && argc > 2)
		thread_count = atoi(argv[2]) < THREADS_MAX ? atoi(argv[2]) : THREADS_MAX;
	if (strcmp(name, "forever") == 0)
		right = forever();
	else if (strcmp(name, "dies") == 0 && counts())
		abort();
	else if (strcmp(name, "fails") == 0 && counts())
		return 5;
	rk_counter_destroy(counter);
	return !right;
}
