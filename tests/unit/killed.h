/* SPDX-License-Identifier: MIT */
/*
 * killed.h - kills a vfork child at each instruction of an operation. After the kill, the parent, its other threads, its forked
 * children and its later vfork children must be able to acquire everything that the killed child held. If `meanwhile` is set,
 * the child is stopped and not killed. Then other threads must not get anything that the stopped child holds. A bracket is the
 * code between rk_vfork_begin() and rk_vfork_end(); the parent calls vfork() inside a bracket.
 */
#ifndef TESTS_KILLED_H
#define TESTS_KILLED_H

#define TEST_SECONDS 900 /* long, because the test steps through each instruction, and similar tests run at the same time */
#include "test.h"
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include "refuse.h"
#include "urgent.h"

#define INSTRUCTIONS_MAX 3000

/*
 * Shared by all processes. The vfork child sets `inside` before the operation and `done` after it. `stands`: the child
 * is stopped, or waits in its handler. `passed`: `meanwhile` has returned.
 */
static volatile struct {
	bool inside, done, stands, passed;
} *progress;

struct killed {
	void (*prepare)(void);
	void (*operate)(void);   /* runs in a vfork child */
	int (*judge)(void);      /* runs in the parent, its threads and its children; returns 0 if the result is right */
	void (*meanwhile)(void); /* NULL: the child is killed; otherwise runs in another thread while the child is stopped */
	bool inner;              /* the parent has called rk_vfork_begin() twice before its vfork */
	bool forks;              /* a handler in the child forks, and then waits until `meanwhile` has returned */
};

static const struct killed *the_killed;

static void *pass(void *argument)
{
	while (!progress->stands)
		usleep(50);
	the_killed->meanwhile();
	progress->passed = true;
	return argument;
}

static int nothing(void)
{
	return 0;
}

static void fork_and_stand(int signal)
{
	(void)signal;
	CHECK(in_child(nothing) == 0);
	progress->stands = true;
	while (!progress->passed)
		usleep(50);
}

static int in_vfork_child(void *argument, const void *signals)
{
	(void)signals;
	progress->inside = true;
	the_killed->operate();
	progress->done = argument == NULL;
	return 0;
}

static void *judge_in_thread(void *end)
{
	*(int *)end = the_killed->judge();
	return NULL;
}

static void judge_everywhere(void)
{
	pthread_t thread;
	int pid, end = -1;

	CHECK(in_child(the_killed->judge) == 0);
	CHECK(pthread_create(&thread, NULL, judge_in_thread, &end) == 0 && pthread_join(thread, NULL) == 0 && end == 0);
	CHECK(rk_vfork_run(in_vfork_child, &pid, &pid) == 0 && exit_status_of(pid) == 0);
	CHECK(the_killed->judge() == 0);
}

/*
 * Runs in a child of fork(). This child inherits the brackets that its parent opened by rk_vfork_begin(), but no
 * bracket that the vfork child opened.
 */
static int end_brackets(void)
{
	CHECK(!the_killed->inner || rk_vfork_end() == 0);
	CHECK(rk_vfork_end() == 0 && rk_vfork_end() == -EINVAL);
	return the_killed->meanwhile == NULL ? the_killed->judge() : 0;
}

static void run_traced(void)
{
	pthread_t passing;
	volatile pid_t pid;
	int status;

	the_killed->prepare();
	CHECK(signal(SIGUSR1, fork_and_stand) != SIG_ERR);
	if (the_killed->meanwhile != NULL)
		CHECK(pthread_create(&passing, NULL, pass, NULL) == 0);
	CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
	alarm(240);
	raise(SIGSTOP);
	CHECK(!the_killed->inner || rk_vfork_begin() == 0);
	CHECK(rk_vfork_begin() == 0);
	pid = vfork();
	if (pid == 0)
		_exit(in_vfork_child(NULL, NULL));
	CHECK(in_child(end_brackets) == 0);
	CHECK(rk_vfork_end() == 0 && waitpid(pid, &status, 0) == pid);
	if (the_killed->meanwhile != NULL)
		CHECK(pthread_join(passing, NULL) == 0);
	judge_everywhere();
	CHECK(!the_killed->inner || rk_vfork_end() == 0);
	CHECK(rk_vfork_end() == -EINVAL);
	_exit(0);
}

/* Waits until process `pid` makes a vfork child. Returns the child's process id. The child is stopped. */
static pid_t stopped_child_of(pid_t pid)
{
	unsigned long child;
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	CHECK(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEVFORK | PTRACE_O_EXITKILL) == 0);
	CHECK(ptrace(PTRACE_CONT, pid, NULL, NULL) == 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFSTOPPED(status) && status >> 8 == (SIGTRAP | PTRACE_EVENT_VFORK << 8));
	CHECK(ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child) == 0);
	CHECK(waitpid((pid_t)child, &status, __WALL) == (pid_t)child && WIFSTOPPED(status));
	CHECK(ptrace(PTRACE_DETACH, pid, NULL, NULL) == 0);
	return (pid_t)child;
}

/*
 * Stops the vfork child after `count` instructions. Then kills the child or lets `meanwhile` run, and waits for the
 * child's parent. Returns the exit status of the parent. Sets *last to true if the operation ended within these
 * instructions.
 */
static int stop_after(int count, bool *last)
{
	pid_t child, pid;
	int status;

	progress->inside = progress->done = progress->stands = progress->passed = false;
	pid = fork();
	if (pid == 0)
		run_traced();
	CHECK(pid > 0);
	child = stopped_child_of(pid);
	begin_steps(child);
	while (!progress->done && (!progress->inside || count-- > 0)) {
		CHECK(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0);
		CHECK(waitpid(child, &status, __WALL) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	}
	*last = progress->done;
	end_steps(child);
	if (the_killed->meanwhile == NULL) {
		CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, __WALL) == child && WIFSIGNALED(status));
	} else if (the_killed->forks) {
		CHECK(ptrace(PTRACE_DETACH, child, NULL, SIGUSR1) == 0);
	} else {
		progress->stands = true;
		while (!progress->passed)
			usleep(50);
		CHECK(ptrace(PTRACE_DETACH, child, NULL, NULL) == 0);
	}
	return exit_status_of(pid);
}

static void everywhere(void **state)
{
	int count = 0, stride = 1 + (int)SLOWNESS() / 2;
	bool last = false;
	cpu_set_t allowed;

	if (SANITIZED)
		SKIP("a sanitizer's runtime takes too many steps");
	the_killed = *state;
	if (the_killed->forks)
		stride *= 5;
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(progress != MAP_FAILED);
	/*
	 * The tracer and the child run on one CPU, because each step wakes one of these two processes. An emulator's
	 * CPU is slow to wake another CPU.
	 */
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	pin(sched_getcpu());
	for (; !last && count < INSTRUCTIONS_MAX; count += stride)
		assert_int_equal(stop_after(count, &last), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
	printf("# %d instructions, one in %d\n", count, stride);
	assert_true(last && count > 50);
	assert_int_equal(munmap((void *)(uintptr_t)progress, sizeof(*progress)), 0);
}

#define KILLED(name, ...) {#name, everywhere, NULL, NULL, (void *)(uintptr_t)&(const struct killed){__VA_ARGS__}}

#endif /* TESTS_KILLED_H */
