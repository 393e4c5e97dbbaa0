/* SPDX-License-Identifier: MIT */
/*
 * blocks.c - programs for tests of `rseqkit torture --inside`, which loads code (its agent) into the process. The agent aborts
 * critical sections by breakpoints. The programs block or ignore SIGTRAP, or lack resources that the agent uses. Each program
 * also counts with a per-CPU counter. It ends with status 0 only if the count is exact and each signal mask reads back as the
 * program set it.
 *
 * usage: blocks NAME
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <rseqkit/counter.h>
#include <rseqkit/thread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "../unit/quiet.h"

enum { THREADS = 3, ADDS = 20000 };

static struct rk_counter *counter;
static volatile sig_atomic_t noted;

/*
 * Each handler and each thread executes sections of its own, so none can use up the breakpoints of the others. The comment in the
 * assembly keeps compilers from merging the functions.
 */
#define DEFINE_ADDS(name)                                                                                              \
	static __attribute__((__noinline__)) void name(int times)                                                      \
	{                                                                                                              \
		__asm__ __volatile__("/* " #name " */");                                                               \
		for (int i = 0; i < times; i++)                                                                        \
			rk_counter_add(counter, 1);                                                                    \
	}

DEFINE_ADDS(add_in_thread)
DEFINE_ADDS(add_in_handler)
DEFINE_ADDS(add_in_wait)
DEFINE_ADDS(add_in_context)
DEFINE_ADDS(add_after_bits)

static void note_in_handler(int signal)
{
	(void)signal;
	add_in_handler(1);
	noted++;
}

static void note_in_wait(int signal)
{
	(void)signal;
	add_in_wait(1);
	noted++;
}

static int is_full(const sigset_t *set)
{
	return sigismember(set, SIGTRAP) == 1 && sigismember(set, SIGUSR2) == 1;
}

static void *block_and_add(void *result)
{
	sigset_t all, now;

	sigfillset(&all);
	if (pthread_sigmask(SIG_BLOCK, &all, NULL) != 0 || pthread_sigmask(SIG_BLOCK, NULL, &now) != 0 || !is_full(&now))
		*(int *)result = 0;
	add_in_thread(ADDS);
	if (sigprocmask(SIG_SETMASK, &all, &now) != 0 || !is_full(&now))
		*(int *)result = 0;
	add_in_thread(ADDS);
	return NULL;
}

/* Tests threads that block all signals. Threads with attributes block all signals from their start. */
static int threads(void)
{
	pthread_t thread[THREADS];
	pthread_attr_t attributes;
	sigset_t all;
	int right = 1;

	sigfillset(&all);
	pthread_attr_init(&attributes);
#if __GLIBC_PREREQ(2, 32)
	pthread_attr_setsigmask_np(&attributes, &all);
#endif
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], i == 0 ? NULL : &attributes, block_and_add, &right) != 0)
			return 0;
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	pthread_attr_destroy(&attributes);
	return right && rk_counter_sum(counter) == (int64_t)THREADS * 2 * ADDS;
}

/* Tests handlers whose masks block all signals, and handlers that run in a wait whose mask blocks all other signals. */
static int handlers(void)
{
	const struct timespec limit = {10, 0};
	const struct itimerval soon = {{0, 0}, {0, 1000}};
	struct sigaction action = {.sa_handler = note_in_handler}, old;
	struct epoll_event event;
	sigset_t all, alarm_only;
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	sigfillset(&action.sa_mask);
	sigfillset(&all);
	sigdelset(&all, SIGALRM);
	if (epoll < 0 || sigaction(SIGALRM, &action, NULL) != 0 || sigaction(SIGALRM, NULL, &old) != 0 || !is_full(&old.sa_mask))
		return 0;
	for (int i = 0; i < 20; i++)
		raise(SIGALRM);
	sigemptyset(&action.sa_mask);
	action.sa_handler = note_in_wait;
	(void)sigaction(SIGALRM, &action, &old);
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	sigprocmask(SIG_BLOCK, &alarm_only, NULL); /* the signal comes in the wait, not before */
	for (int i = 0; i < 40; i++) {
		setitimer(ITIMER_REAL, &soon, NULL);
		if (i % 4 == 0)
			sigsuspend(&all);
		else if (i % 4 == 1)
			ppoll(NULL, 0, &limit, &all);
		else if (i % 4 == 2)
			pselect(0, NULL, NULL, NULL, &limit, &all);
		else
			epoll_pwait(epoll, &event, 1, 10000, &all);
	}
	close(epoll);
	return is_full(&old.sa_mask) && noted == 60 && rk_counter_sum(counter) == 60;
}

static ucontext_t first, second;

static void run_context(void)
{
	add_in_context(ADDS);
	swapcontext(&second, &first);
	add_in_context(ADDS);
}

/* Tests a context (makecontext) whose mask blocks all signals, and the old functions whose masks have 32 bits. */
static int contexts(void)
{
	static char stack[65536];

	getcontext(&second);
	second.uc_stack.ss_sp = stack;
	second.uc_stack.ss_size = sizeof(stack);
	second.uc_link = &first;
	sigfillset(&second.uc_sigmask);
	makecontext(&second, run_context, 0);
	swapcontext(&first, &second);
	sigfillset(&second.uc_sigmask);
	swapcontext(&first, &second);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	sigsetmask(-1);
	add_after_bits(ADDS);
	if (sigblock(0) == 0)
		return 0;
#pragma GCC diagnostic pop
	return rk_counter_sum(counter) == 3 * ADDS;
}

/* Checks that a SIGTRAP does nothing while it is ignored, and that it ends the process by default. */
static int ignores(void)
{
	int status;
	pid_t pid;

	signal(SIGTRAP, SIG_IGN);
	raise(SIGTRAP);
	add_in_thread(ADDS);
	if (signal(SIGTRAP, SIG_DFL) != SIG_IGN)
		return 0;
	pid = fork();
	if (pid == 0) {
		raise(SIGTRAP);
		_exit(0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGTRAP &&
	       rk_counter_sum(counter) == ADDS;
}

/* Adds in a thread that has unregistered its area. So the thread's sections have no protection. */
static void *add_without_area(void *result)
{
	enum { UNREGISTER = 1 };
	long done = -1;

	for (int length = 32; done != 0 && length <= 4096; length += 4)
		done = syscall(quiet_rseq(), rk_thread_area(), length, UNREGISTER, RK_SIGNATURE);
	*(int *)result = done == 0;
	add_in_thread(1);
	return NULL;
}

static int unregistered(void)
{
	int64_t sum = 1;
	pthread_t thread;
	int right = 0;

	if (pthread_create(&thread, NULL, add_without_area, &right) != 0)
		return 0;
	pthread_join(thread, NULL);
	/* 0.4 s of CPU time. On a busy machine, this is enough for the aborts that the test asks for. Time on the clock wasn't. */
	while (clock() < CLOCKS_PER_SEC * 2 / 5) {
		add_in_thread(100);
		sum += 100;
	}
	return right && rk_counter_sum(counter) == sum;
}

/* This process can open no further file. */
static int exhausted(void)
{
	const struct rlimit none = {3, 3};

	setrlimit(RLIMIT_NOFILE, &none);
	add_in_thread(ADDS);
	return dup(0) == -1 && errno == EMFILE && rk_counter_sum(counter) == ADDS;
}

/* A child counts while this process traces it by PTRACE_SEIZE. This process must see no trap of the child. */
static int traced(void)
{
	int go[2], status, traps = 0;
	char byte = 0;
	pid_t pid;

	if (pipe(go) != 0)
		return 0;
	pid = fork();
	if (pid == 0) {
		if (read(go[0], &byte, 1) != 1)
			_exit(1);
		add_in_thread(ADDS);
		_exit(rk_counter_sum(counter) == ADDS ? 3 : 4);
	}
	if (pid < 0 || ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0 || write(go[1], &byte, 1) != 1)
		return 0;
	while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
		traps += WSTOPSIG(status) == SIGTRAP;
		ptrace(PTRACE_CONT, pid, NULL, NULL);
	}
	add_in_handler(ADDS);
	return traps == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 3;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(void);
	} programs[] = {
		{"threads", threads}, {"handlers", handlers}, {"contexts", contexts},
		{"ignores", ignores}, {"exhausted", exhausted}, {"traced", traced},
		{"unregistered", unregistered},
	};
	int right = 0;

	if (rk_counter_create(&counter) != 0)
		return 2;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (argc > 1 && strcmp(programs[i].name, argv[1]) == 0)
			right = programs[i].run();
	rk_counter_destroy(counter);
	return !right;
}
