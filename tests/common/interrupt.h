/* SPDX-License-Identifier: MIT */
/*
 * interrupt.h - sends a signal at every instruction of an operation. For each instruction, a new child single-steps
 * the operation up to the instruction, and then continues with a signal. Some faults appear only if a signal comes at
 * one certain instruction. A timer that sends signals finds such a fault only now and then; this file finds it every
 * time. The test's prepare() decides whether the child's thread is registered. Link a test with -z now. Otherwise the
 * child also steps through the instructions of the dynamic linker.
 */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#ifndef TEST_SECONDS
#define TEST_SECONDS 900 /* long, because the test steps through each instruction, and similar tests run at the same time */
#endif
#include "test.h"
#include "urgent.h"
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/time.h>

struct interrupted {
	void (*prepare)(void);   /* runs before the first step */
	void (*operate)(void);   /* the operation that is interrupted */
	void (*interrupt)(void); /* what the signal handler does */
	int (*judge)(void);      /* runs last; returns 0 if the result is right */
	bool naive;              /* true: the operation has a fault, so the test tries every instruction until the fault shows */
};

#ifndef INSTRUCTIONS_MAX
#define INSTRUCTIONS_MAX 300 /* tries at most this many; a step into a critical section aborts it, so more steps only repeat it */
#endif
/*
 * How many microseconds of processor time a handler can take before the test regards it as deadlocked. DEADLOCK_AFTER is
 * multiplied by SLOWNESS(). A naive operation really deadlocks at some of its instructions, so the limit for a naive operation
 * is short; otherwise the test would take too long.
 */
#define DEADLOCK_AFTER 500000
#define NAIVE_DEADLOCK_AFTER 100000

static const struct interrupted *the_interrupted;
static pid_t (*fork_stepped)(void) = fork; /* makes the child that is stepped */

/* Shared with the child, which sets `inside` before the operation and `done` after it. */
static volatile struct {
	bool inside, done;
} *progress;

/*
 * The handler starts the timer. A timer that was started earlier would also count the processor time of the steps
 * before the signal, which is long on slow machines.
 */
static void on_interrupt(int signo)
{
	int64_t patience_us = the_interrupted->naive ? NAIVE_DEADLOCK_AFTER : DEADLOCK_AFTER * SLOWNESS();
	struct itimerval patience = {.it_value = {patience_us / 1000000, patience_us % 1000000}};

	(void)signo;
	CHECK(setitimer(ITIMER_PROF, &patience, NULL) == 0);
	the_interrupted->interrupt();
}

static void run_stepped(void)
{
	struct sigaction action = {.sa_handler = on_interrupt};

	the_interrupted->prepare();
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0);
	alarm(240); /* each step takes long on a kernel with lockdep */
	raise(SIGSTOP);
	progress->inside = true;
	the_interrupted->operate();
	progress->done = true;
	_exit(the_interrupted->judge());
}

/*
 * Steps a child through `count` instructions of the operation, then lets the child continue with a signal. Returns
 * the child's exit status. Sets *last to true if the operation ended within these instructions.
 */
static int interrupt_after(int count, bool *last)
{
	pid_t pid;
	int status;

	progress->inside = progress->done = false;
	pid = fork_stepped();
	if (pid == 0)
		run_stepped();
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	begin_steps(pid);
	while (!progress->done && (!progress->inside || count-- > 0)) {
		CHECK(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0);
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	}
	*last = progress->done;
	end_steps(pid);
	CHECK(ptrace(PTRACE_DETACH, pid, NULL, SIGUSR1) == 0);
	return exit_status_of(pid);
}

/*
 * Interrupts the operation at each instruction. On slow machines, tries only some instructions, unless the operation
 * is naive. Stops at the first exit status that isn't 0, and returns this status. Returns 0 if every exit status was
 * 0.
 */
static inline int interrupt_everywhere(const struct interrupted *interrupted)
{
	int instructions = 0, status = 0, stride = interrupted->naive ? 1 : 1 + (int)SLOWNESS() / 2;
	bool last = false;
	cpu_set_t allowed, here;

	/*
	 * The tracer and the child run on one CPU, because each step wakes one of these two processes. An emulator's
	 * CPU is slow to wake another CPU.
	 */
	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	CHECK(sched_getaffinity(0, sizeof(allowed), &allowed) == 0 && sched_setaffinity(0, sizeof(here), &here) == 0);
	the_interrupted = interrupted;
	progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(progress != MAP_FAILED);
	while (!last && status == 0 && instructions < INSTRUCTIONS_MAX) {
		status = interrupt_after(instructions, &last);
		instructions += stride;
	}
	CHECK(sched_setaffinity(0, sizeof(allowed), &allowed) == 0);
	printf("# %d instructions, one in %d, then %d\n", instructions, stride, status);
	CHECK(status != 0 || last || instructions >= INSTRUCTIONS_MAX);
	return status;
}

/* Interrupts each of `count` operations by interrupt_everywhere(), which must return 0. */
__attribute__((__unused__)) static void interrupt_each(const struct interrupted *interrupted, size_t count)
{
	if (SANITIZED)
		SKIP("a sanitizer's runtime takes too many steps");
	for (size_t i = 0; i < count; i++)
		assert_int_equal(interrupt_everywhere(&interrupted[i]), 0);
}

static int (*childs_deed)(void);

__attribute__((__unused__)) static void *fork_for_deed(void *arg)
{
	*(int *)arg = in_child(childs_deed);
	return NULL;
}

/*
 * Forks in another thread, and waits for that thread. The child runs `deed`, which must return 0. Handlers call this
 * function.
 */
static inline void fork_in_another_thread(int (*deed)(void))
{
	pthread_t thread;
	int ending = -1;

	childs_deed = deed;
	CHECK(pthread_create(&thread, NULL, fork_for_deed, &ending) == 0 && pthread_join(thread, NULL) == 0);
	CHECK(ending == 0);
}

/*
 * Forks in the interrupted thread. After that, both the child and the parent continue the interrupted operation.
 * Handlers call this function.
 */
static inline void fork_this_thread(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid > 0)
		CHECK(exit_status_of(pid) == 0);
}

#endif /* INTERRUPT_H */
