/* SPDX-License-Identifier: MIT */
/*
 * interrupt.h - a signal at every instruction: an operation is run in a fresh child for each of its instructions,
 * single-stepped up to there, and let go with a signal. What a storm of signals finds once in a while is found every
 * time, in whatever state of registration the child has put itself. To be linked with -z now: the dynamic linker's
 * instructions are none of the operation's.
 */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#ifndef TEST_SECONDS
#define TEST_SECONDS 900 /* where each instruction is tried, beside others that do so */
#endif
#include "test.h"
#include "urgent.h"
#include <sched.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/time.h>

struct interrupted {
	void (*prepare)(void);   /* before the first step */
	void (*operate)(void);   /* what is interrupted */
	void (*interrupt)(void); /* what the signal handler does */
	int (*judge)(void);      /* afterwards: 0 if all is well */
	bool naive;              /* will come to harm, so every instruction is tried where all is slow, too, briefly */
};

#ifndef INSTRUCTIONS_MAX
#define INSTRUCTIONS_MAX 300 /* what is behind are repetitions: a section that is stepped through aborts */
#endif
/*
 * us of a processor's time, for a lock that nobody will release; more where it is slow. What is naive waits for one
 * indeed, after some instructions.
 */
#define DEADLOCK_AFTER 500000
#define NAIVE_DEADLOCK_AFTER 100000

static const struct interrupted *the_interrupted;

/* Shared with the child: where it is. */
static volatile struct {
	bool inside, done;
} *progress;

/* What has been stepped through before took time too, and the more where all is slow. */
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
	alarm(240); /* a kernel that looks at all its locks steps slowly */
	raise(SIGSTOP);
	progress->inside = true;
	the_interrupted->operate();
	progress->done = true;
	_exit(the_interrupted->judge());
}

/* Lets the child go with a signal after `count` instructions. Its end; *last is set if the operation has no more. */
static int interrupt_after(int count, bool *last)
{
	pid_t pid;
	int status;

	progress->inside = progress->done = false;
	pid = fork();
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
 * The first end that isn't 0, or 0 if none of the operation's instructions minds a signal; where all is slow, none of
 * some of them.
 */
static inline int interrupt_everywhere(const struct interrupted *interrupted)
{
	int instructions = 0, status = 0, stride = interrupted->naive ? 1 : 1 + (int)SLOWNESS() / 2;
	bool last = false;
	cpu_set_t allowed, here;

	/* A step wakes one of the two processes, and a CPU of an emulator is slow to wake another. */
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

/* A test of some of them. */
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

/* What a handler may do: another thread forks, and its child does this, which must end with 0. */
static inline void fork_in_another_thread(int (*deed)(void))
{
	pthread_t thread;
	int ending = -1;

	childs_deed = deed;
	CHECK(pthread_create(&thread, NULL, fork_for_deed, &ending) == 0 && pthread_join(thread, NULL) == 0);
	CHECK(ending == 0);
}

/* The same by the interrupted thread itself: its child goes on with what was interrupted, as does its parent. */
static inline void fork_this_thread(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid > 0)
		CHECK(exit_status_of(pid) == 0);
}

#endif /* INTERRUPT_H */
