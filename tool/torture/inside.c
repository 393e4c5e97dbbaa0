/* SPDX-License-Identifier: MIT */
/*
 * inside.c - `rseqkit torture --inside`: starts the program with a preloaded agent (agent/agent.h), and answers the requests of
 * the agents in all processes of the program until the last process has ended.
 *
 * The program is a child of the tool, and is killed if the tool dies. Orphans of the program become children of the tool.
 */
#define _GNU_SOURCE
#include "inside.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/output.h"
#include "exec/preload.h"
#include "tool.h"

#define LOOK_MS 20
#define LOOK_RANDOM_MS 2 /* a section in which an agent has left no breakpoint gets one after this time */
#define SET_S 0.1
#define PROGRESS_S 0.2

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* In the child: executes the program with the agent. */
static _Noreturn void become_preloaded(const struct inside *inside, int failed, const sigset_t *mask)
{
	char path[64];
	int error;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)inside->shared->tool, inside->memory);
	if (setenv(AGENT_ENVIRONMENT, path, 1) != 0 || !preload_add(AGENT_LIBRARY))
		_exit(EXIT_USAGE);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(inside->settings->command[0], inside->settings->command);
	error = errno;
	(void)!write(failed, &error, sizeof(error));
	_exit(127);
}

/* Starts the program. If this fails, prints a message and returns false. If exec fails, its errno can be read from *failed. */
static bool start_preloaded(struct inside *inside, const sigset_t *mask, int *failed)
{
	char path[PATH_MAX];
	int error[2];

	if (!preload_find(AGENT_LIBRARY, path)) {
		complain("cannot find %s", AGENT_LIBRARY);
		return false;
	}
	if (pipe2(error, O_CLOEXEC) != 0) {
		complain("cannot make a pipe: %s", strerror(errno));
		return false;
	}
	fflush(stdout);
	inside->first = fork();
	if (inside->first == 0)
		become_preloaded(inside, error[1], mask);
	close(error[1]);
	if (inside->first < 0) {
		complain("cannot start a process: %s", strerror(errno));
		close(error[0]);
		return false;
	}
	*failed = error[0];
	return true;
}

static long futex(uint32_t *word, int operation, uint32_t value, const struct timespec *limit)
{
	return syscall(SYS_futex, word, operation, value, limit, NULL, 0);
}

/* Answers all requests. Returns the value that the count of requests (`bell`) had before. */
static uint32_t answer_all(struct inside *inside)
{
	const uint32_t bell = __atomic_load_n(&inside->shared->bell, __ATOMIC_ACQUIRE);

	for (int i = 0; i < AGENT_SLOTS; i++) {
		struct agent_slot *slot = &inside->shared->slots[i], copy;
		uint32_t state = __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE);

		/* A process that was killed doesn't fetch its answer. */
		if (state == AGENT_ANSWERED && kill(slot->pid, 0) != 0 && errno == ESRCH)
			__atomic_store_n(&slot->state, AGENT_FREE, __ATOMIC_RELEASE);
		if (state != AGENT_ASKED)
			continue;
		memcpy(&copy, slot, sizeof(copy));
		slot->cell = inside_answer(inside, &copy);
		__atomic_store_n(&slot->state, AGENT_ANSWERED, __ATOMIC_RELEASE);
		(void)futex(&slot->state, FUTEX_WAKE, INT_MAX, NULL);
	}
	return bell;
}

static void show_counts(const struct inside *inside, double began)
{
	static double last;
	static uint64_t before;
	const double now = seconds_now();
	uint64_t done = 0, all = 0;
	char text[120];

	if (now - last < PROGRESS_S)
		return;
	for (const struct inside_module *one = inside->modules; one != NULL; one = one->next) {
		for (uint32_t i = 0; i < one->module->insn_count; i++)
			done += !memory_wants(inside, &one->insns[i]);
		all += one->module->insn_count;
	}
	snprintf(text, sizeof(text), "%llu of %llu instructions, %.0f aborts a second, %.0f s", (unsigned long long)done,
		 (unsigned long long)all, (double)(inside->shared->injected - before) / (now - last), now - began);
	print_progress(text);
	last = now;
	before = inside->shared->injected;
}

/*
 * Passes SIGTERM and SIGHUP on to the program; the terminal sends SIGINT and SIGQUIT to the program itself. When the program's
 * first process has ended, another process can have its number. So any of these signals then ends the torture.
 */
static void pass_signals(struct inside *inside, const sigset_t *signals)
{
	const struct timespec none = {0, 0};
	int number;

	while ((number = sigtimedwait(signals, NULL, &none)) > 0)
		if (inside->result->ended)
			inside->stopping = true;
		else if (number == SIGTERM || number == SIGHUP)
			kill(inside->first, number);
}

/*
 * Reaps the program and its orphans, which become children of the tool. If all children of the tool are processes of the
 * program (inside->alone), returns whether any of them is left, also those whose agents haven't asked yet. Otherwise returns
 * whether the program's first process is left.
 */
static bool reap(struct inside *inside)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == inside->first) {
			inside->result->status = status;
			inside->result->ended = true;
		}
	return inside->alone ? pid == 0 : !inside->result->ended;
}

/* Does the tool have children before it starts the program? Such children don't belong to the program. */
static bool has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Serves the agents until all processes have ended. */
static void serve(struct inside *inside, const sigset_t *signals, double began)
{
	const bool is_random = inside->settings->random > 0;
	const struct timespec look = {0, (is_random ? LOOK_RANDOM_MS : LOOK_MS) * 1000000};
	double set = began;
	bool living = true;

	while (living) {
		uint32_t bell = answer_all(inside);

		living = reap(inside);
		living = inside_lives(inside) || living;
		pass_signals(inside, signals);
		if (inside->stopping)
			break;
		show_counts(inside, began);
		if (is_random)
			inside_wake(inside);
		if (seconds_now() - set > SET_S) {
			inside_set_again(inside);
			set = seconds_now();
		}
		if (living)
			(void)futex(&inside->shared->bell, FUTEX_WAIT, bell, &look);
	}
}

/* Prints what limited the torture. The report doesn't say this. */
static void warn(const struct inside *inside, uint64_t processes)
{
	const struct torture_result *result = inside->result;

	if (result->processes == processes)
		complain("the agent didn't start in the program, so nothing was aborted");
	if (inside->unable > 0)
		complain("in %llu processes the torture ended early: they can't write to their code, neither by /proc/self/mem nor by "
			 "mprotect(2)",
			 (unsigned long long)inside->unable);
	if (inside->shared->lost > 0)
		complain("%llu programs were executed without torture: as another user, or with another root, they can't reach "
			 AGENT_LIBRARY " or the tool",
			 (unsigned long long)inside->shared->lost);
	if (inside->shared->blind > 0)
		complain("%llu processes have a dynamic linker that hides modules which are loaded later",
			 (unsigned long long)inside->shared->blind);
	if (result->ended && WIFSIGNALED(result->status) && WTERMSIG(result->status) == SIGTRAP)
		complain("SIGTRAP killed the program. Possibly a thread reached a section while SIGTRAP was blocked by a system "
			 "call that the agent doesn't see; leave out --inside");
}

int inside_run(const struct torture_settings *settings, struct torture_result *result)
{
	static const int waited[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
	struct inside inside = {.settings = settings, .result = result};
	const uint64_t processes = result->processes;
	const double began = seconds_now();
	sigset_t signals, mask;
	int failed = -1, error = 0;

	inside.moves = probe_trap();
	if (inside.moves < 0 || (result->runs == 0 && !probe_program(settings->command)) || !memory_begin(&inside))
		return EXIT_USAGE;
	result->ended = false;
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(waited) / sizeof(waited[0]); i++)
		sigaddset(&signals, waited[i]);
	(void)sigprocmask(SIG_BLOCK, &signals, &mask);
	srandom((unsigned)settings->seed);
	inside.alone = !has_children() && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
	if (!start_preloaded(&inside, &mask, &failed)) {
		memory_end(&inside);
		return EXIT_USAGE;
	}
	serve(&inside, &signals, began);
	if (inside.stopping) {
		inside_restore(&inside);
		result->runs = settings->runs;
	}
	(void)prctl(PR_SET_CHILD_SUBREAPER, 0);
	print_progress(NULL);
	result->seconds = seconds_now() - began;
	__atomic_store_n(&inside.shared->closed, 1, __ATOMIC_RELEASE);
	if (read(failed, &error, sizeof(error)) == (ssize_t)sizeof(error)) {
		complain("cannot execute %s: %s", settings->command[0], strerror(error));
		error = EXIT_USAGE;
	} else {
		error = EXIT_CLEAN;
		warn(&inside, processes);
	}
	close(failed);
	inside_forget(&inside);
	memory_end(&inside);
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	return error;
}
