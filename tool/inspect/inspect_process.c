/* SPDX-License-Identifier: MIT */
/*
 * inspect_process.c - looks once at all threads of a process, for `rseqkit inspect` (the tool). To ask a thread is to stop it and
 * to read its registration (ask.c).
 *
 * Threads can start and end during the look. Ended threads are left out, and the list is read until it has no new thread.
 */
#define _GNU_SOURCE
#include "inspect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "common/proc.h"
#include "common/self.h"
#include "tool.h"

#define ROUNDS_MAX 8           /* the list of threads is read at most this many times */
#define CHANCES 20            /* attempts, because threads can be about to be registered, and the process can execute programs */
#define CHANCES_REFUSED 3     /* attempts if the registration or ptrace may have been refused */
#define CHANCE_NS 10000000    /* pause between attempts; on an idle machine, microseconds would be enough */

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27 /* from include/uapi/linux/auxvec.h */
#endif

/*
 * Reads the feature size that the kernel announced to the process. If it announced no size, assumes the original size. If the
 * auxiliary vector can't be opened, uses the size that the same kernel announced to this tool.
 * Returns false for a 32-bit process: the pairs in its auxiliary vector are half as long, so a type and its value together
 * look like one type that doesn't exist.
 */
static bool read_feature_size(struct inspect_look *look)
{
	bool fits = true;
	uint64_t pair[2];
	char path[64];
	int fd;

	look->announced = false;
	look->feature_size = RK_FEATURE_SIZE_ORIGINAL;
	snprintf(path, sizeof(path), "/proc/%d/auxv", (int)inspect_living_thread(look->pid));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && getauxval(AT_RSEQ_FEATURE_SIZE) != 0) {
		look->announced = true;
		look->feature_size = (uint32_t)getauxval(AT_RSEQ_FEATURE_SIZE);
	}
	while (fd >= 0 && read(fd, pair, sizeof(pair)) == sizeof(pair)) {
		fits = fits && pair[0] <= UINT32_MAX;
		if (pair[0] == AT_RSEQ_FEATURE_SIZE) {
			look->announced = true;
			look->feature_size = (uint32_t)pair[1];
		}
	}
	if (fd >= 0)
		close(fd);
	return fits;
}

/*
 * Checks that the process can be inspected. look->pid can be the id of any thread of the process, and becomes the process's
 * id.
 */
static int check_process(struct inspect_look *look)
{
	struct proc_status status;
	int error;

	errno = 0;
	if (!proc_status(look->pid, look->pid, &status)) {
		if (errno != ENOENT && errno != ESRCH && errno != 0) {
			error = errno;
			complain("/proc/%d: %s", (int)look->pid, strerror(error));
			return error == EPERM || error == EACCES ? EXIT_USAGE : EXIT_UNSURE;
		}
		if (!self_has_proc())
			complain("/proc isn't mounted, so no process can be inspected. Mount /proc.");
		else if (kill(look->pid, 0) == 0 || errno == EPERM)
			complain("process %d exists, but /proc doesn't show it. Run as root, or mount /proc without hidepid.",
				 (int)look->pid);
		else
			complain("there is no process %d", (int)look->pid);
		return EXIT_USAGE;
	}
	if (!proc_is_ours()) {
		complain("/proc belongs to another PID namespace, where %d is another process. Mount /proc for this namespace.",
			 (int)look->pid);
		return EXIT_USAGE;
	}
	if (status.process != 0)
		look->pid = status.process;
	(void)proc_status(look->pid, look->pid, &status);
	if (look->started != 0 && look->started != status.started) {
		complain("process %d (%s) has ended, and another process has its id", (int)look->pid, look->name);
		return EXIT_USAGE;
	}
	look->started = status.started;
	memcpy(look->name, status.name, sizeof(look->name));
	if (look->pid == getpid()) {
		complain("process %d is this program, which can't inspect itself", (int)look->pid);
		return EXIT_USAGE;
	}
	if (status.kernel) {
		complain("process %d (%s) is a kernel thread, which has no user space", (int)look->pid, look->name);
		return EXIT_USAGE;
	}
	if (!read_feature_size(look)) {
		complain("process %d (%s) runs a 32-bit program, which can't be inspected", (int)look->pid, look->name);
		return EXIT_UNSURE;
	}
	return EXIT_CLEAN;
}

static struct inspect_thread *find_thread(const struct inspect_look *look, pid_t tid)
{
	for (size_t i = 0; i < look->count; i++)
		if (look->threads[i].tid == tid)
			return &look->threads[i];
	return NULL;
}

/* Adds an empty element to the look's list of threads. */
static struct inspect_thread *add_thread(struct inspect_look *look)
{
	if ((look->count & (look->count - 1)) == 0) {
		size_t room = look->count == 0 ? 1 : look->count * 2;
		struct inspect_thread *threads =
			(struct inspect_thread *)realloc(look->threads, room * sizeof(*threads));

		if (threads == NULL) {
			complain("out of memory");
			exit(EXIT_USAGE);
		}
		look->threads = threads;
	}
	memset(&look->threads[look->count], 0, sizeof(look->threads[0]));
	return &look->threads[look->count++];
}

/*
 * Has the thread slept since the previous look? The stop of that look causes at most two context switches. If the thread sleeps
 * now and had at most two switches since then, it counts as asleep all the time, and its previous answer is still right. The tool
 * doesn't stop such a thread again, because some waits restart their timeout at every stop. With --watch, such a wait would never
 * end.
 */
static bool has_not_run(const struct inspect_thread *before, const struct proc_status *status)
{
	return before != NULL && before->status.started == status->started && before->outcome == ASK_ANSWERED &&
	       before->status.state == 'S' && status->state == 'S' && status->switches <= before->status.switches + 2;
}

static int failure(const struct inspect_look *look)
{
	switch (look->refusal) {
	case ASK_REFUSED:
		return inspect_report_refusal(look->pid, look->refused);
	case ASK_NO_REQUEST:
		complain("this kernel doesn't show registrations: ptrace has no PTRACE_GET_RSEQ_CONFIGURATION. "
			 "Use Linux 5.13 or later.");
		return EXIT_UNSURE;
	case ASK_NO_PORT:
		complain("this architecture is not supported yet");
		return EXIT_UNSURE;
	default:
		if (look->error != 0)
			complain("cannot start the process that traces: %s", strerror(look->error));
		else
			complain("the process that traces ended before it asked a thread. A filter of system calls may end it.");
		return EXIT_UNSURE;
	}
}

/* Adds each thread that isn't in the look yet. Returns how many threads it added. */
static size_t add_new_threads(struct inspect_look *look, const struct inspect_look *before)
{
	size_t old = look->count;
	char path[64];
	DIR *tasks;
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)look->pid);
	tasks = opendir(path);
	while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);
		const struct inspect_thread *known = find_thread(before, tid);
		struct inspect_thread found = {.tid = tid, .outcome = ASK_NOT_YET};

		if (tid <= 0 || find_thread(look, tid) != NULL || !proc_status(look->pid, tid, &found.status) ||
		    found.status.kernel || inspect_has_ended(&found.status))
			continue;
		if (has_not_run(known, &found.status)) {
			found = *known;
			found.kept = true;
		}
		*add_thread(look) = found;
	}
	if (tasks != NULL)
		closedir(tasks);
	return look->count - old;
}

/* Removes the threads that have ended. If another thread couldn't be asked, returns EXIT_USAGE, and the look fails. */
static int check_outcomes(struct inspect_look *look)
{
	size_t kept = 0;

	for (size_t i = 0; i < look->count; i++) {
		struct inspect_thread *thread = &look->threads[i];
		enum inspect_outcome outcome = thread->outcome;
		struct proc_status status;

		if (outcome == ASK_GONE)
			continue;
		if (outcome == ASK_ANSWERED || outcome == ASK_NOT_STOPPED) {
			look->threads[kept++] = *thread;
			continue;
		}
		/* The kernel also refuses to trace a thread that is about to end. */
		if (!proc_status(look->pid, thread->tid, &status) || inspect_has_ended(&status))
			continue;
		look->refused = thread->tid;
		look->refusal = outcome;
		return EXIT_USAGE;
	}
	look->count = kept;
	return EXIT_CLEAN;
}

/*
 * Asks all threads. New threads can start meanwhile, so the list is read again until it has no new thread, at most ROUNDS_MAX
 * times.
 */
static int ask_threads(struct inspect_look *look, const struct inspect_look *before)
{
	int status = EXIT_CLEAN;

	for (int round = 0; round < ROUNDS_MAX && status == EXIT_CLEAN && add_new_threads(look, before) != 0; round++) {
		look->error = inspect_ask(look->threads, look->count);
		status = check_outcomes(look);
	}
	return status;
}

static bool has_registered_thread(const struct inspect_look *look)
{
	for (size_t i = 0; i < look->count; i++)
		if (look->threads[i].answer.address != 0)
			return true;
	return false;
}

/*
 * Marks unregistered threads, so that they are asked again, and returns how many it marked. With `running_only`, marks only
 * runnable threads. Without `some`, marks no thread unless another thread of the process is registered.
 */
static size_t doubt_unregistered(struct inspect_look *look, bool running_only, bool some)
{
	size_t count = 0;

	some |= has_registered_thread(look);
	for (size_t i = 0; some && i < look->count; i++) {
		struct inspect_thread *thread = &look->threads[i];

		if (thread->outcome != ASK_ANSWERED || thread->answer.address != 0 || thread->kept ||
		    (running_only && thread->status.state != 'R'))
			continue;
		thread->outcome = ASK_NOT_YET;
		count++;
	}
	return count;
}

/*
 * An unregistered thread may have just started, so that the libc hasn't registered it yet. If other threads are registered, or
 * if `some` is set, such a thread is asked once more, and then repeatedly while it is runnable.
 */
static int ask_again(struct inspect_look *look, bool some)
{
	const struct timespec pause = {0, CHANCE_NS};
	int status = EXIT_CLEAN;

	for (int chance = 0; chance < (some ? CHANCES_REFUSED : CHANCES) && status == EXIT_CLEAN &&
			     doubt_unregistered(look, chance > 0, some) != 0; chance++) {
		nanosleep(&pause, NULL);
		for (size_t i = 0; i < look->count; i++)
			if (look->threads[i].outcome == ASK_NOT_YET)
				(void)proc_status(look->pid, look->threads[i].tid, &look->threads[i].status);
		look->error = inspect_ask(look->threads, look->count);
		status = check_outcomes(look);
	}
	return status;
}

static int compare_threads(const void *left, const void *right)
{
	pid_t a = ((const struct inspect_thread *)left)->tid, b = ((const struct inspect_thread *)right)->tid;

	return (a > b) - (a < b);
}

/* Looks once. The result is valid only if the process still executes the same program afterwards (has_moved()). */
static int try_look(struct inspect_look *look, const struct inspect_look *before)
{
	int status;

	look->threads = NULL;
	look->count = 0;
	look->refused = 0;
	inspect_forget_files(look);
	/*
	 * look->image is set first, because everything that is read later must belong to the same program, even the feature
	 * size.
	 */
	look->image = inspect_image(look->pid);
	status = check_process(look);
	if (status == EXIT_CLEAN)
		status = ask_threads(look, before);
	if (status == EXIT_CLEAN)
		status = ask_again(look, false);
	if (status != EXIT_CLEAN)
		return status;
	qsort(look->threads, look->count, sizeof(look->threads[0]), compare_threads);
	if (!inspect_read_files(look))
		return EXIT_USAGE;
	if (!inspect_may_be_late(look))
		return EXIT_CLEAN;
	status = ask_again(look, true);
	inspect_forget_files(look);
	return status != EXIT_CLEAN ? status : inspect_read_files(look) ? EXIT_CLEAN : EXIT_USAGE;
}

/*
 * Has the process executed another program during the look? If so, the look can have threads of both programs, or the kernel
 * may have refused to trace a thread that ended with the old program. inspect_image() returns 0 while the kernel replaces the
 * program. It also returns 0 for a process that never has a program, such as a kernel thread, but then no thread is registered.
 */
static bool has_moved(const struct inspect_look *look)
{
	uint64_t image = inspect_image(look->pid);

	if (image == look->image)
		return image == 0 && has_registered_thread(look);
	return image != 0 || inspect_living_thread(look->pid) != 0;
}

int inspect_process(struct inspect_look *look)
{
	const struct timespec pause = {0, CHANCE_NS};
	const struct inspect_look none = {0};
	struct inspect_look before = *look;
	int status = EXIT_CLEAN;
	bool moved = true;

	for (int chance = 0; chance < CHANCES; chance++) {
		bool same = before.image != 0 && before.image == inspect_image(look->pid);

		status = try_look(look, same ? &before : &none);
		if (status != EXIT_CLEAN && look->refused == 0) {
			moved = false;
			break;
		}
		moved = has_moved(look);
		/* The kernel also refuses ptrace during an execve(), so a refusal is tried again a few times. */
		if (!moved && (look->refused == 0 || look->refusal != ASK_REFUSED || chance >= CHANCES_REFUSED))
			break;
		free(look->threads);
		look->threads = NULL;
		nanosleep(&pause, NULL);
	}
	free(before.threads);
	if (moved) {
		complain("process %d (%s) executes one program after another, too fast to be inspected", (int)look->pid,
			 look->name);
		status = EXIT_UNSURE;
	} else if (look->refused != 0) {
		status = failure(look);
	}
	if (status == EXIT_CLEAN && look->count == 0 && inspect_living_thread(look->pid) != 0) {
		complain("process %d (%s) lives, but its threads can't be listed: this program has no free descriptor, or a "
			 "filter stops it", (int)look->pid, look->name);
		status = EXIT_UNSURE;
	} else if (status == EXIT_CLEAN && look->count == 0) {
		complain("process %d (%s) has ended", (int)look->pid, look->name);
		status = EXIT_USAGE;
	}
	if (status != EXIT_CLEAN)
		look->count = 0;
	return status;
}
