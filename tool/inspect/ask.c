/* SPDX-License-Identifier: MIT */
/*
 * ask.c - stops a thread of another process by ptrace, reads the thread's registration, and resumes the thread.
 *
 * The invariants: the thread is resumed even if this tool is killed. The thread notices the stop as little as its architecture
 * allows:
 *
 * - The tracer uses PTRACE_SEIZE and PTRACE_INTERRUPT and never a signal, so no signal is queued. The kernel resumes the
 *   thread when the tracer ends. The tracer is a child of the tool, and lives for some microseconds per thread. Killing the
 *   tool doesn't kill the tracer.
 * - A tracer can't detach from a thread that doesn't stop in time, so the tracer ends instead, and another child continues with
 *   the next thread.
 * - PTRACE_SEIZE waits for the end of an execve() of the process, and the execve() can wait for anything. If PTRACE_SEIZE
 *   doesn't return in time, the tracer also ends. If a read of memory doesn't return in time, the tool kills the tracer.
 * - A stop aborts a critical section, as any preemption can.
 * - A stop interrupts a system call that waits. The kernel restarts most such calls by itself, with their remaining timeouts.
 *   A few calls end with EINTR, see registers.c.
 */
#define _GNU_SOURCE
#include "inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "arch/machine.h"
#include "common/child.h"
#include "common/rights.h"

/* From include/uapi/linux/ptrace.h of kernel 5.13. */
#define PTRACE_REQUEST_RSEQ_CONFIGURATION 0x420f
struct rseq_configuration {
	uint64_t address;
	uint32_t size, signature, flags, padding;
};

/* A thread to ask, and its answer, in memory that the tool shares with its child, the tracer. */
struct question {
	pid_t tid;
	enum inspect_outcome outcome;
	struct inspect_answer answer;
};

/* Reads by /proc/PID/mem, if process_vm_readv() fails: a kernel can be built without this call, and a filter can refuse it. */
static bool read_file_of_memory(pid_t tid, uint64_t address, void *to, size_t size)
{
	char path[64];
	bool done;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)tid);
	rights_suspend();
	fd = open(path, O_RDONLY | O_CLOEXEC);
	rights_resume();
	if (fd < 0)
		return false;
	done = pread(fd, to, size, (off_t)address) == (ssize_t)size;
	close(fd);
	return done;
}

bool inspect_read(pid_t tid, uint64_t address, void *to, size_t size)
{
	struct iovec local = {to, size}, remote = {(void *)(uintptr_t)address, size};
	ssize_t done = process_vm_readv(tid, &local, 1, &remote, 1, 0);

	return done == (ssize_t)size ||
	       ((done < 0 ? errno != EFAULT && errno != ESRCH : done == 0) && read_file_of_memory(tid, address, to, size));
}

#define STOP_LIMIT 1.0     /* seconds to wait for a thread to stop; a stop takes microseconds, or never happens */
#define WAKE_US 10000      /* interval between checks of STOP_LIMIT */
#define LIMIT_MS 10000     /* time limit of a child, plus LIMIT_EACH_MS for each thread */
#define LIMIT_EACH_MS 20
#define THREADS_MANY 100000

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Calls ptrace(), whose parameters are pointers even if they stand for data or numbers. */
static long request(int what, pid_t tid, uintptr_t address, uintptr_t data)
{
	return ptrace((enum __ptrace_request)what, tid, (void *)address, (void *)data);
}

/*
 * The question whose PTRACE_SEIZE hasn't returned yet, the time limit of this PTRACE_SEIZE, and the parent of the tracer, which
 * is this tool.
 */
static struct question *volatile seizing;
static double seize_limit;
static pid_t asker;

/* While PTRACE_SEIZE waits: ends the child if the time limit is over, or if the parent has ended. */
static void wake(int signal)
{
	struct question *question = seizing;

	(void)signal;
	if (question == NULL || (now() < seize_limit && getppid() == asker))
		return;
	question->outcome = ASK_NOT_STOPPED;
	_exit(0);
}

/*
 * Interrupts waitpid() at intervals, so that wait_for_stop() can time out. The child sleeps in waitpid(), so the stop of the
 * thread wakes the child at once.
 */
static void wake_often(void)
{
	const struct itimerval interval = {{0, WAKE_US}, {0, WAKE_US}};
	const struct sigaction action = {.sa_handler = wake};
	sigset_t mask;

	sigfillset(&mask);
	sigdelset(&mask, SIGALRM);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	/* Without the handler, the timer's signal would kill this child, and the tool's limit alone would end a long wait. */
	if (sigaction(SIGALRM, &action, NULL) == 0)
		(void)setitimer(ITIMER_REAL, &interval, NULL);
}

static enum inspect_outcome wait_for_stop(pid_t tid, int *status)
{
	double end = now() + STOP_LIMIT;

	while (waitpid(tid, status, __WALL) != tid) {
		if (errno != EINTR)
			return ASK_GONE;
		if (now() > end)
			return ASK_NOT_STOPPED;
	}
	return WIFSTOPPED(*status) ? ASK_ANSWERED : ASK_GONE;
}

/* Reads the answer from a stopped thread. */
static enum inspect_outcome read_stopped(struct question *question)
{
	struct inspect_answer *answer = &question->answer;
	struct rseq_configuration configuration;
	struct machine_registers registers;

	if (!machine_read(question->tid, &registers))
		return ASK_GONE;
	machine_restart(question->tid);
	answer->thread_pointer = registers.thread;
	answer->ip = registers.ip;
	if (request(PTRACE_REQUEST_RSEQ_CONFIGURATION, question->tid, sizeof(configuration),
		    (uintptr_t)&configuration) < 0)
		return errno == ESRCH ? ASK_GONE : ASK_NO_REQUEST;
	if (configuration.address == 0)
		return ASK_ANSWERED;
	answer->address = configuration.address;
	answer->size = configuration.size;
	answer->signature = configuration.signature;
	answer->has_area = inspect_read(question->tid, answer->address, answer->area, sizeof(answer->area));
	memcpy(&answer->rseq_cs, answer->area + offsetof(struct rk_area, rseq_cs), sizeof(answer->rseq_cs));
	memcpy(&answer->flags, answer->area + offsetof(struct rk_area, flags), sizeof(answer->flags));
	if (answer->has_area && answer->rseq_cs != 0)
		answer->has_descriptor = inspect_read(question->tid, answer->rseq_cs, &answer->descriptor,
						      sizeof(answer->descriptor));
	return ASK_ANSWERED;
}

static enum inspect_outcome ask(struct question *question)
{
	enum inspect_outcome outcome;
	double start;
	int status, signal;
	bool seized;

	if (!machine_has_port)
		return ASK_NO_PORT;
	seize_limit = now() + STOP_LIMIT;
	seizing = question;
	seized = request(PTRACE_SEIZE, question->tid, 0, 0) == 0;
	seizing = NULL;
	if (!seized)
		return errno == ESRCH ? ASK_GONE : ASK_REFUSED;
	start = now();
	if (request(PTRACE_INTERRUPT, question->tid, 0, 0) != 0)
		return ASK_GONE;
	outcome = wait_for_stop(question->tid, &status);
	if (outcome != ASK_ANSWERED)
		return outcome;
	/* If a signal stopped the thread before PTRACE_INTERRUPT, pass the signal on to the thread. */
	signal = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
	outcome = read_stopped(question);
	(void)request(PTRACE_DETACH, question->tid, 0, (uintptr_t)signal);
	question->answer.stopped = now() - start;
	return outcome;
}

/* The argument of ask_all(). */
struct round {
	struct question *questions;
	size_t count;
	pid_t parent;
};

/*
 * Runs in the child. The child has its own session, so that no signal to a terminal's or the tool's process group ends the
 * child while a thread is stopped.
 */
static int ask_all(int out, const void *argument)
{
	const struct round *round = (const struct round *)argument;
	const struct sched_param first = {.sched_priority = 1};

	(void)out;
	asker = round->parent;
	wake_often();
	(void)setsid();
	/*
	 * If permitted, run before other threads: a stopped thread mustn't wait while other threads use the CPU of this
	 * child.
	 */
	(void)sched_setscheduler(0, SCHED_FIFO, &first);
	/* Without the parent the answers are useless. */
	for (size_t i = 0; i < round->count && getppid() == asker; i++) {
		round->questions[i].outcome = ask(&round->questions[i]);
		if (round->questions[i].outcome == ASK_NOT_STOPPED)
			break;
	}
	return 0;
}

/*
 * Starts a tracer that asks the questions one after the other. Returns how many questions the tracer asked before it ended. Each
 * of these questions has an outcome. If the tracer couldn't be started, stores the errno in *error.
 */
static size_t ask_in_child(struct question *questions, size_t count, int *error)
{
	struct round round = {questions, count, getpid()};
	struct child_result result;
	size_t asked = 0;

	child_run(ask_all, &round, LIMIT_MS + (int)(count < THREADS_MANY ? count : THREADS_MANY) * LIMIT_EACH_MS, &result);
	while (asked < count && questions[asked].outcome != ASK_NOT_YET)
		asked++;
	if (result.end == CHILD_TIMED_OUT && asked < count)
		questions[asked++].outcome = ASK_NOT_STOPPED;
	if (result.end == CHILD_NOT_RUN)
		*error = result.number;
	return asked;
}

int inspect_ask(struct inspect_thread *threads, size_t count)
{
	size_t size = (count + 1) * sizeof(struct question), asked = 0, n = 0;
	struct question *questions = (struct question *)mmap(NULL, size, PROT_READ | PROT_WRITE,
							     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int error = questions == MAP_FAILED ? errno : 0;

	for (size_t i = 0; questions != MAP_FAILED && i < count; i++)
		if (threads[i].outcome == ASK_NOT_YET)
			questions[n++] = (struct question){.tid = threads[i].tid};
	while (asked < n) {
		size_t more = ask_in_child(questions + asked, n - asked, &error);

		if (more == 0)
			break;
		asked += more;
	}
	n = 0;
	for (size_t i = 0; i < count; i++) {
		if (threads[i].outcome != ASK_NOT_YET)
			continue;
		threads[i].outcome = n < asked ? questions[n].outcome : ASK_NO_CHILD;
		if (n < asked)
			threads[i].answer = questions[n].answer;
		n++;
	}
	if (questions != MAP_FAILED)
		munmap(questions, size);
	return error;
}
