/* SPDX-License-Identifier: MIT */
/* ways.c - creates threads by the C library's functions. Each new thread first calls judge(), which checks its registration. */
#define _GNU_SOURCE
#include "modes.h"
#include "ways.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

void count_judged(int faults)
{
	__atomic_fetch_or(&outcome->faults, faults, __ATOMIC_RELAXED);
	__atomic_fetch_add(&outcome->judged, 1, __ATOMIC_RELEASE);
}

void judge_here(bool thorough)
{
	count_judged(judge(&place, thorough));
}

int way_initial(void)
{
	judge_here(true);
	return 1;
}

void *judge_as_pthread(void *argument)
{
	judge_here(true);
	return argument;
}

static int c11_start(void *argument)
{
	(void)argument;
	judge_here(true);
	return 0;
}

int way_pthread(void)
{
	enum { THREADS = 8 };
	pthread_t thread[THREADS];
	int made = 0;

	while (made < THREADS && pthread_create(&thread[made], NULL, judge_as_pthread, NULL) == 0)
		made++;
	for (int i = 0; i < made; i++)
		pthread_join(thread[i], NULL);
	return THREADS;
}

int way_c11(void)
{
	thrd_t thread;

	if (thrd_create(&thread, c11_start, NULL) == thrd_success)
		thrd_join(thread, NULL);
	return 1;
}

/* Judges the parent after the child has ended. The parent must have the same faults as before. */
static void judge_parent(int before)
{
	if (judge(&place, true) != before)
		__atomic_fetch_or(&outcome->faults, PARENT, __ATOMIC_RELAXED);
}

static void wait_for(pid_t pid)
{
	int status = 0;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		__atomic_fetch_or(&outcome->faults, ENDED, __ATOMIC_RELAXED);
}

/* The outcome is in shared memory, so that a child of fork can write it. */
static int be_parent_of(bool vforked)
{
	int before = judge(&place, true);
	pid_t pid = vforked ? vfork() : fork();

	if (pid == 0) {
		judge_here(true);
		_exit(0);
	}
	wait_for(pid);
	judge_parent(before);
	return 1;
}

int way_fork(void)
{
	return be_parent_of(false);
}

int way_vfork(void)
{
	return be_parent_of(true);
}

/*
 * Runs in a vfork child, which creates its own vfork child. The inner child is judged. Before and after the inner child's life,
 * the outer child must have the result that the table of scenarios.c has for vfork.
 */
__attribute__((__noinline__)) static int be_a_parent(void)
{
	const bool by_kernel = mode == FLAG || mode == AUTO;
	const int usual = by_kernel ? 0 : NOT_REGISTERED;
	volatile int wrong = judge(&place, true) != usual;
	volatile pid_t pid = vfork();

	if (pid == 0) {
		/*
		 * The inner child uses the area of its parent. In modes in which the kernel registers threads, the kernel
		 * doesn't update this area for the inner child, so the area must show no CPU.
		 */
		count_judged(judge(&place, true) | (by_kernel && !judge_says_none(&place) ? WRONG_CPU : 0));
		_exit(0);
	}
	if (wrong || judge(&place, true) != usual)
		__atomic_fetch_or(&outcome->faults, BETWEEN, __ATOMIC_RELAXED);
	return pid > 0 ? 0 : 1;
}

int way_nested_vfork(void)
{
	int before = judge(&place, true);
	pid_t pid = vfork();

	if (pid == 0)
		_exit(be_a_parent());
	wait_for(pid);
	judge_parent(before);
	return 1;
}

void report_to(int fd)
{
	int faults = judge(&place, true);

	if (write(fd, &faults, sizeof(faults)) != sizeof(faults))
		_exit(1);
}

/* Reads the faults that the new program has found, and adds them to the outcome. */
static void collect(int fd)
{
	int faults;

	if (read(fd, &faults, sizeof(faults)) == sizeof(faults))
		count_judged(faults);
	close(fd);
}

static char *const *report_arguments(char number[12], int fd)
{
	static char *arguments[5];

	snprintf(number, 12, "%d", fd);
	arguments[0] = (char *)"scenarios";
	arguments[1] = (char *)(uintptr_t)mode_names[mode];
	arguments[2] = (char *)"report";
	arguments[3] = number;
	return arguments;
}

int way_spawn(void)
{
	char number[12];
	int fds[2];
	pid_t pid;

	if (pipe(fds) != 0 ||
	    posix_spawn(&pid, "/proc/self/exe", NULL, NULL, report_arguments(number, fds[1]), environ) != 0)
		return 1;
	close(fds[1]);
	collect(fds[0]);
	wait_for(pid);
	return 1;
}

static void *execute(void *arguments)
{
	execve("/proc/self/exe", arguments, environ);
	_exit(1);
}

static int run_exec(bool in_thread)
{
	char number[12];
	int fds[2];
	pid_t pid;

	if (pipe(fds) != 0)
		return 1;
	pid = fork();
	if (pid == 0) {
		void *arguments = (void *)(uintptr_t)report_arguments(number, fds[1]);
		pthread_t thread;

		if (in_thread && pthread_create(&thread, NULL, execute, arguments) == 0)
			pthread_join(thread, NULL);
		else
			execute(arguments);
	}
	close(fds[1]);
	collect(fds[0]);
	wait_for(pid);
	return 1;
}

int way_exec(void)
{
	return run_exec(false);
}

/* The thread that calls exec becomes the process's only thread, and gets the initial thread's id. */
int way_exec_in_thread(void)
{
	return run_exec(true);
}

static void *run_way(void *way)
{
	return (void *)(intptr_t)(*(int (**)(void))way)();
}

static int in_thread(int (*way)(void))
{
	pthread_t thread;
	void *judged = NULL;

	if (pthread_create(&thread, NULL, run_way, &way) == 0)
		pthread_join(thread, &judged);
	return judged != NULL ? (int)(intptr_t)judged : -1;
}

int way_fork_in_thread(void)
{
	return in_thread(way_fork);
}

int way_vfork_in_thread(void)
{
	return in_thread(way_vfork);
}

static void notified(union sigval value)
{
	(void)value;
	judge_here(true);
}

int way_timer(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notified};
	struct itimerspec soon = {.it_value.tv_nsec = 1000000};
	struct timespec moment = {.tv_nsec = 1000000};
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &soon, NULL) == 0) {
		for (int i = 0; i < 20000 && __atomic_load_n(&outcome->judged, __ATOMIC_ACQUIRE) == 0; i++)
			nanosleep(&moment, NULL);
		timer_delete(timer);
	}
	return 1;
}

/* unshare() moves only later children into the new namespace. After unshare() the caller itself can't create threads. */
static int in_namespace(void)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) != 0) {
		outcome->skip = "a PID namespace can't be had here";
		return 0;
	}
	pid = fork();
	if (pid == 0) {
		pthread_t thread;

		judge_here(true);
		if (mode != FLAG && pthread_create(&thread, NULL, judge_as_pthread, NULL) == 0)
			pthread_join(thread, NULL);
		_exit(getpid() == 1 ? 0 : 1);
	}
	wait_for(pid);
	return 0;
}

int way_namespace(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(in_namespace());
	wait_for(pid);
	return mode == FLAG ? 1 : 2;
}

static void *short_start(void *argument)
{
	judge_here(argument != NULL);
	return argument;
}

int way_many(void)
{
	enum { THREADS = 10000, AT_ONCE = 50 };
	pthread_t thread[AT_ONCE];

	if (mode == FLAG)
		return run_raw_shortly(THREADS);
	for (int done = 0; done < THREADS; done += AT_ONCE) {
		int made = 0;

		while (made < AT_ONCE && pthread_create(&thread[made], NULL, short_start,
							(done + made) % LOOK_AROUND == 0 ? &place : NULL) == 0)
			made++;
		for (int i = 0; i < made; i++)
			pthread_join(thread[i], NULL);
	}
	return THREADS;
}
