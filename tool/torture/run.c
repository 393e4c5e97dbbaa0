/* SPDX-License-Identifier: MIT */
/*
 * run.c - `rseqkit torture`: starts a program under the tracer, or attaches the tracer to a process, and handles
 * stops until the end.
 *
 * If the tracer dies, the kernel kills a program that the tracer has started. A process to which the tracer has attached goes on;
 * see torture.c.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/output.h"
#include "common/proc.h"
#include "run.h"
#include "tool.h"
#include "traced.h"

#define OPTIONS \
	(PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACEEXEC)
#define PROGRESS_S 0.2
#define SET_S 0.05
#define LOOK_MS 20
#define ORPHAN_S 0.2
#define SCANS_MAX 10
#define MASK_LOOKS 10
#define MASK_PAUSE_NS 5000000

/*
 * In the child: waits for a byte from the tracer, which then traces this child, and executes the program. If the tracer ends
 * without writing the byte, this process ends, too.
 */
static _Noreturn void become_program(char **command, const int go[2], int failed, const sigset_t *mask)
{
	char byte;
	int error;

	close(go[1]);
	if (read(go[0], &byte, 1) != 1)
		_exit(127);
	(void)sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(command[0], command);
	error = errno;
	(void)!write(failed, &error, sizeof(error));
	_exit(127);
}

/* Starts the program. If this fails, prints a message and returns false. If exec fails, its errno can be read from *failed. */
static bool start(struct torture *torture, const sigset_t *mask, int *failed)
{
	int go[2], error[2];
	struct thread *thread;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC) != 0 || pipe2(error, O_CLOEXEC) != 0) {
		complain("cannot make a pipe: %s", strerror(errno));
		return false;
	}
	pid = fork();
	if (pid == 0)
		become_program(torture->settings->command, go, error[1], mask);
	close(go[0]);
	close(error[1]);
	*failed = error[0];
	if (pid < 0 || ptrace(PTRACE_SEIZE, pid, NULL, OPTIONS | PTRACE_O_EXITKILL) != 0) {
		complain("cannot trace a program here: %s", strerror(errno));
		close(go[1]);
		if (pid > 0)
			kill(pid, SIGKILL);
		return false;
	}
	torture->first = pid;
	torture->result->processes = 1;
	thread = traced_add(torture, pid, pid, process_new(pid));
	if (thread == NULL || thread->process == NULL) {
		complain("out of memory");
		return false;
	}
	thread->state = THREAD_RUNNING;
	if (write(go[1], "g", 1) != 1) {
		complain("cannot start the program: %s", strerror(errno));
		kill(pid, SIGKILL);
		return false;
	}
	close(go[1]);
	return true;
}

/* A thread that couldn't be seized and still exists, and why it couldn't be seized. */
struct refusal {
	pid_t tid;
	int error;
};

/* Seizes the threads of a process that aren't traced yet. Returns how many threads it seized. */
static int seize_threads(struct torture *torture, struct process *process, pid_t pid, struct refusal *refusal)
{
	char path[64];
	struct dirent *entry;
	DIR *folder;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	folder = opendir(path);
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		pid_t tid = (pid_t)atoi(entry->d_name);
		struct thread *thread;
		int error;

		if (tid <= 0 || traced_find(torture, tid) != NULL)
			continue;
		if (ptrace(PTRACE_SEIZE, tid, NULL, OPTIONS) != 0) {
			error = errno;
			/* Threads that a traced thread makes are traced already. */
			if (proc_lives(tid) && proc_tracer(tid) != getpid())
				*refusal = (struct refusal){tid, error};
			continue;
		}
		thread = traced_add(torture, tid, pid, process);
		if (thread == NULL)
			continue;
		thread->state = THREAD_RUNNING;
		process->users++;
		count++;
	}
	if (folder != NULL)
		closedir(folder);
	return count;
}

/* Returns a traced thread that hasn't ended, or 0 if there is no such thread. */
static pid_t living(const struct torture *torture)
{
	for (const struct thread *thread = torture->threads; thread != NULL; thread = thread->next)
		if (proc_lives(thread->tid))
			return thread->tid;
	return 0;
}

/*
 * Seizes the threads of other processes that share the process's address space, for example of a child of vfork(). Returns how
 * many threads it seized.
 */
static int seize_guests(struct torture *torture, struct process *process, struct refusal *refusal)
{
	struct dirent *entry;
	DIR *folder = opendir("/proc");
	int count = 0;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		pid_t pid = (pid_t)atoi(entry->d_name), mine = living(torture);
		char size[32];

		/* Kernel threads and zombies have no address space, and kcmp(2) says that they all share the same one. */
		if (pid > 0 && pid != process->pid && mine != 0 && syscall(SYS_kcmp, pid, mine, KCMP_VM, 0, 0) == 0 &&
		    proc_field(pid, "VmSize", size, sizeof(size)))
			count += seize_threads(torture, process, pid, refusal);
	}
	if (folder != NULL)
		closedir(folder);
	return count;
}

/* Prints why a thread couldn't be seized. */
static void complain_of(const struct refusal *refusal)
{
	const pid_t tracer = proc_tracer(refusal->tid);

	if (tracer != 0)
		complain("cannot trace thread %d: process %d traces it", (int)refusal->tid, (int)tracer);
	else
		complain("cannot trace thread %d: %s", (int)refusal->tid, strerror(refusal->error));
}

/*
 * Notes which threads block SIGTRAP. Looks several times, because a thread in a signal handler may block it only for a moment.
 */
static void look_at_masks(struct torture *torture)
{
	const struct timespec pause = {0, MASK_PAUSE_NS};
	bool blocks = true;

	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next)
		spare_if_needed(torture, thread);
	for (int i = 0; i < MASK_LOOKS && blocks; i++) {
		nanosleep(&pause, NULL);
		blocks = false;
		for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next) {
			thread->blocks_trap = thread->blocks_trap && proc_has_signal(thread->tid, "SigBlk", SIGTRAP);
			blocks |= thread->blocks_trap;
		}
	}
}

/*
 * Traces all threads that share the process's memory. If one of them can't be traced, traces none of them: a breakpoint would
 * kill an untraced thread.
 */
static bool attach(struct torture *torture)
{
	const pid_t pid = torture->settings->pid;
	struct process *process = process_new(pid);
	struct refusal refusal = {0, 0};

	if (process == NULL || process->memory < 0) {
		complain("cannot read the memory of process %d: %s", (int)pid, strerror(errno));
		return false;
	}
	while (seize_threads(torture, process, pid, &refusal) + seize_guests(torture, process, &refusal) > 0)
		traced_settle(torture, process);
	if (torture->threads == NULL || refusal.tid != 0) {
		if (refusal.tid != 0)
			complain_of(&refusal);
		else
			complain("cannot trace process %d: %s", (int)pid,
				 proc_lives(pid) ? "its threads can't be listed" : "it has ended");
		process_release(process);
		traced_detach(torture, NULL);
		return false;
	}
	process_release(process); /* now only the threads refer to the structure */
	torture->first = pid;
	torture->result->processes = 1;
	look_at_masks(torture);
	for (int i = 0; i < SCANS_MAX && process->mappings == NULL; i++) /* the thread can end meanwhile */
		process_scan(process, living(torture), torture->settings, torture->result);
	return true;
}

/* Handles one stop that was noted in thread->status. Returns false if there is none that can be handled now. */
static bool handle_kept(struct torture *torture)
{
	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next)
		if (thread->has_status && thread->process != NULL && !thread->waits) {
			traced_handle(torture, thread, thread->status);
			return true;
		}
	return false;
}

/*
 * Handles the stops that have come, but not for longer than LOOK_MS, because many threads can stop without a pause. Returns
 * whether there can be more stops.
 */
static bool handle_all(struct torture *torture)
{
	const double end = traced_now() + LOOK_MS / 1e3;
	int status;
	pid_t tid;

	while (handle_kept(torture))
		continue;
	while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0) {
		struct thread *thread = traced_find(torture, tid);

		if (thread == NULL && WIFSTOPPED(status))
			thread = traced_add(torture, tid, tid, NULL);
		if (thread != NULL)
			traced_handle(torture, thread, status);
		while (handle_kept(torture))
			continue;
		if (traced_now() > end)
			return true;
	}
	return false;
}

static void show_progress(const struct torture *torture, double began)
{
	static double last;
	static uint64_t injected;
	double now = traced_now();
	uint64_t done = 0, all = 0;
	char text[120];

	if (now - last < PROGRESS_S)
		return;
	for (const struct module *module = torture->result->modules; module != NULL; module = module->next) {
		for (uint32_t i = 0; i < module->insn_count; i++)
			done += catalog_is_covered(torture->settings, &module->insns[i]);
		all += module->insn_count;
	}
	snprintf(text, sizeof(text), "%llu of %llu instructions, %.0f aborts a second, %.0f s", (unsigned long long)done,
		 (unsigned long long)all, (double)(torture->result->injected - injected) / (now - last), now - began);
	print_progress(text);
	last = now;
	injected = torture->result->injected;
}

static bool is_complete(const struct torture *torture)
{
	for (const struct module *module = torture->result->modules; module != NULL; module = module->next)
		for (uint32_t i = 0; i < module->insn_count; i++)
			if (!catalog_is_covered(torture->settings, &module->insns[i]))
				return false;
	return torture->settings->random == 0;
}

/* With --pid: is the torture over? `stop` becomes readable when the user's command has ended (torture.c). */
static bool is_time(const struct torture *torture, double began, int stop)
{
	char byte;

	if (torture->settings->pid == 0)
		return false;
	if (traced_now() - began >= torture->settings->seconds)
		return true;
	return is_complete(torture) ||
	       (torture->settings->random > 0 && torture->result->confirmed >= torture->settings->random) ||
	       (stop >= 0 && (read(stop, &byte, 1) >= 0 || errno != EAGAIN));
}

static void handle_signal(struct torture *torture, int signal, const siginfo_t *info)
{
	if (signal == SIGCHLD || signal == SIGPIPE) /* a closed stderr must not end the tracer, and with it the program */
		return;
	/*
	 * The terminal sends SIGINT and SIGQUIT to the program, too. When the program's first process has ended, a signal ends
	 * the torture, and the program's other processes go on.
	 */
	if (torture->result->ended)
		torture->stopping = true;
	else
		signals_got(torture, info);
}

int torture_run(const struct torture_settings *settings, struct torture_result *result, int stop)
{
	static const int waited[] = {SIGCHLD, SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGPIPE};
	struct torture torture = {.settings = settings, .result = result};
	const struct timespec look = {0, LOOK_MS * 1000000}, no_time = {0, 0};
	sigset_t signals, mask;
	int failed = -1, error = 0;
	double began = traced_now(), set = began;

	result->ended = false;
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(waited) / sizeof(waited[0]); i++)
		sigaddset(&signals, waited[i]);
	(void)sigprocmask(SIG_BLOCK, &signals, &mask);
	srandom((unsigned)settings->seed);
	if (!(settings->pid != 0 ? attach(&torture) : start(&torture, &mask, &failed)))
		return EXIT_USAGE;
	while (torture.threads != NULL && !torture.stopping && !is_time(&torture, began, stop)) {
		const bool more = handle_all(&torture);
		siginfo_t info;
		int signal;

		migrate_expire(&torture);
		signals_pass(&torture);
		show_progress(&torture, began);
		if (traced_now() - set > SET_S) {
			strike_again(&torture);
			traced_adopt_orphans(&torture, ORPHAN_S);
			set = traced_now();
		}
		if (torture.threads == NULL)
			break;
		signal = sigtimedwait(&signals, &info, more ? &no_time : &look);
		if (signal > 0)
			handle_signal(&torture, signal, &info);
	}
	torture.detaching = true;
	migrate_expire(&torture);
	traced_detach(&torture, NULL);
	print_progress(NULL);
	result->seconds = traced_now() - began;
	sigemptyset(&signals);
	sigaddset(&signals, SIGPIPE);
	while (sigtimedwait(&signals, NULL, &no_time) > 0)
		continue;
	(void)sigprocmask(SIG_SETMASK, &mask, NULL);
	if (failed < 0)
		return EXIT_CLEAN;
	if (read(failed, &error, sizeof(error)) != (ssize_t)sizeof(error))
		error = 0;
	close(failed);
	if (error != 0)
		complain("cannot execute %s: %s", settings->command[0], strerror(error));
	return error != 0 ? EXIT_USAGE : EXIT_CLEAN;
}
