/* SPDX-License-Identifier: MIT */
/* instance.c - creates and removes an instance of tracefs, see instance.h. */
#define _GNU_SOURCE
#include "instance.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/proc.h"
#include "tool.h"
#include "tracefs.h"

#define PREFIX "rseqkit-"
#define BUFFERS_KB 65536U /* KiB of all CPUs' buffers together, by default */
#define BUFFER_MAX_KB 8192U /* most KiB of one CPU's buffer: 100,000 aborts a second fill it in a second and a half */
#define BUFFER_MIN_KB 256U /* least KiB of one CPU's buffer */
#define TRIES 100 /* at most this many instances are made, because other runs can remove an instance that has no open file */
#define ROUNDS 20 /* the threads of a process are listed at most this many times, because it can start threads all the time */

/* Is this the name of an instance of this tool? */
static bool is_ours(const char *name)
{
	const size_t length = strlen(PREFIX);

	return strncmp(name, PREFIX, length) == 0 && name[length] != '\0' &&
	       name[length + strspn(name + length, "0123456789-")] == '\0';
}

/*
 * Removes the instances that killed runs of this tool have left. The kernel refuses to remove an instance with an open file
 * (EBUSY), so a living run keeps its instance. Ids and start times of processes don't show whether a run lives: a run in another
 * time namespace sees other start times.
 */
static void remove_leftovers(int instances)
{
	int fd = openat(instances, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		if (!is_ours(entry->d_name) || unlinkat(instances, entry->d_name, AT_REMOVEDIR) == 0)
			continue;
		if (errno != ENOENT && errno != ENODEV && errno != EBUSY)
			complain("cannot remove %s, a trace that a killed rseqkit has left: %s", entry->d_name, strerror(errno));
	}
	if (folder != NULL)
		closedir(folder);
	else if (fd >= 0)
		close(fd);
}

/* Adds the number of each possible CPU to the instance. */
static bool find_cpus(struct instance *instance)
{
	int fd = openat(instance->folder, "per_cpu", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		size_t size = (instance->cpu_count + 1) * sizeof(int);
		int cpu, *cpus, *pipes;

		if (sscanf(entry->d_name, "cpu%d", &cpu) != 1)
			continue;
		cpus = (int *)realloc(instance->cpus, size);
		instance->cpus = cpus != NULL ? cpus : instance->cpus;
		pipes = (int *)realloc(instance->pipes, size);
		instance->pipes = pipes != NULL ? pipes : instance->pipes;
		if (cpus == NULL || pipes == NULL)
			break;
		instance->cpus[instance->cpu_count] = cpu;
		instance->pipes[instance->cpu_count++] = -1;
	}
	if (folder != NULL)
		closedir(folder);
	else if (fd >= 0)
		close(fd);
	return instance->cpu_count > 0;
}

/* Returns false with errno if this process has no room for a pipe. */
static bool open_pipes(struct instance *instance)
{
	for (size_t i = 0; i < instance->cpu_count; i++) {
		char path[64];

		snprintf(path, sizeof(path), "per_cpu/cpu%d/trace_pipe_raw", instance->cpus[i]);
		/* If a CPU was never online, its pipe can't be opened, and it has no events. */
		instance->pipes[i] = openat(instance->folder, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		if (instance->pipes[i] < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
			return false;
	}
	return true;
}

/* Returns the name of the first setting that the kernel refused, with the reason in *error, or NULL. */
static const char *set_up(struct instance *instance, uint64_t buffer_kb, int *error)
{
	uint64_t size = BUFFERS_KB / instance->cpu_count;
	char kilobytes[24];
	const struct {
		const char *name, *text;
		bool needed;
	} settings[] = {
		{"trace_clock", "mono", true},         /* times of different CPUs can be compared */
		{"options/overwrite", "0", true},      /* a full buffer drops new events, and counts them */
		{"options/record-cmd", "0", false},    /* no thread names, which the tool reads from /proc */
		{"options/event-fork", "1", true},     /* threads and processes that a traced thread makes are traced */
		{"buffer_percent", "0", false},        /* poll() returns at the first event */
		{"buffer_size_kb", kilobytes, true},
		{"tracing_on", "1", true},
	};

	size = size > BUFFER_MAX_KB ? BUFFER_MAX_KB : size < BUFFER_MIN_KB ? BUFFER_MIN_KB : size;
	if (buffer_kb != 0)
		size = buffer_kb;
	snprintf(kilobytes, sizeof(kilobytes), "%" PRIu64, size);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		*error = tracefs_write(instance->folder, settings[i].name, settings[i].text);
		if (*error != 0 && settings[i].needed)
			return settings[i].name;
	}
	return NULL;
}

/*
 * Does the instance still exist? If it was removed while its file was opened, the open file can belong to a newer instance: the
 * kernel compares only the addresses of instances (trace_array_get() of kernel/trace/trace.c).
 */
static bool exists(const struct instance *instance)
{
	struct stat mine, present;

	return fstat(instance->folder, &mine) == 0 &&
	       fstatat(instance->instances, instance->name, &present, AT_SYMLINK_NOFOLLOW) == 0 && mine.st_ino == present.st_ino;
}

/*
 * Makes the instance, and opens a file of it. Until then, another run can take the new instance for a leftover, and remove it.
 * Then this function makes another one. A name can be in use by a run in another time namespace, or by a leftover that can't be
 * removed. If this function fails, it prints why, and returns false.
 */
static bool make(struct instance *instance, uint64_t started)
{
	for (int try = 0; try < TRIES; try++) {
		snprintf(instance->name, sizeof(instance->name), PREFIX "%d-%" PRIu64, (int)getpid(), started + (uint64_t)try);
		if (mkdirat(instance->instances, instance->name, 0700) != 0) {
			if (errno == EEXIST)
				continue;
			break;
		}
		instance->folder = openat(instance->instances, instance->name, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (instance->folder >= 0)
			instance->held = openat(instance->folder, "tracing_on", O_RDONLY | O_CLOEXEC);
		if (instance->held >= 0 && exists(instance))
			return true;
		if (instance->held < 0 && errno != ENOENT && errno != ENODEV) {
			complain("cannot use the trace in tracefs (instances/%s): %s", instance->name, strerror(errno));
			return false;
		}
		if (instance->held >= 0)
			close(instance->held);
		if (instance->folder >= 0)
			close(instance->folder);
		instance->folder = instance->held = -1;
		errno = ENOENT; /* for the last try */
	}
	complain("cannot create a trace in tracefs (instances/%s): %s", instance->name, strerror(errno));
	instance->name[0] = '\0';
	return false;
}

bool instance_create(struct instance *instance, int root, uint64_t buffer_kb)
{
	struct proc_thread self = {.started = 0};
	const char *refused;
	int error;

	memset(instance, 0, sizeof(*instance));
	instance->folder = instance->held = -1;
	instance->instances = openat(root, "instances", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (instance->instances < 0 || !proc_thread(getpid(), &self)) {
		complain("cannot open tracefs's folder of instances, or /proc: %s", strerror(errno));
		return false;
	}
	remove_leftovers(instance->instances);
	if (!make(instance, self.started))
		return false;
	if (!find_cpus(instance)) {
		complain("cannot use the trace in tracefs (instances/%s): %s", instance->name, strerror(errno));
		return false;
	}
	refused = set_up(instance, buffer_kb, &error);
	if (refused != NULL) {
		complain("the kernel refuses the setting %s of the trace: %s", refused, strerror(error));
		return false;
	}
	if (!open_pipes(instance)) {
		complain("cannot open the trace of each CPU: %s", strerror(errno));
		return false;
	}
	return true;
}

/*
 * Adds all threads of a process to the filter, with one call for each. Returns how many threads couldn't be added. Also adds
 * the id of the process itself, because it may have ended. An empty filter would let the events of all processes pass.
 */
static size_t add_threads(int filter, pid_t pid)
{
	struct dirent *entry;
	size_t failed;
	char path[64];
	DIR *tasks;

	snprintf(path, sizeof(path), "%d", (int)pid);
	failed = write(filter, path, strlen(path)) < 0;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	while (tasks != NULL && (entry = readdir(tasks)) != NULL)
		if (entry->d_name[0] != '.' && write(filter, entry->d_name, strlen(entry->d_name)) < 0)
			failed += errno != ESRCH;
	if (tasks != NULL)
		closedir(tasks);
	return failed;
}

static size_t count_threads(pid_t pid)
{
	struct stat status;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	return stat(path, &status) == 0 ? (size_t)status.st_nlink : 0;
}

/*
 * The kernel's filter set_event_pid is a list of threads, not of processes. The kernel also adds the threads that a listed
 * thread starts. A thread that isn't listed yet can start other threads meanwhile, so this function lists the process's threads
 * again as long as their number changes.
 */
bool instance_limit(struct instance *instance, const pid_t *pids, size_t count)
{
	int filter = openat(instance->folder, "set_event_pid", O_WRONLY | O_APPEND | O_CLOEXEC);
	size_t failed = filter < 0;

	for (size_t i = 0; i < count && failed == 0; i++) {
		size_t before = SIZE_MAX, now = count_threads(pids[i]);

		for (int round = 0; round < ROUNDS && now != before && failed == 0; round++) {
			failed = add_threads(filter, pids[i]);
			before = now;
			now = count_threads(pids[i]);
		}
	}
	if (failed != 0)
		complain("cannot limit the trace to processes (set_event_pid): %s", strerror(errno));
	if (filter >= 0)
		close(filter);
	return failed == 0;
}

int instance_enable(struct instance *instance, const char *event)
{
	char path[128];

	snprintf(path, sizeof(path), "events/%s/enable", event);
	return tracefs_write(instance->folder, path, "1");
}

void instance_stop(struct instance *instance)
{
	if (instance->folder >= 0)
		(void)tracefs_write(instance->folder, "events/enable", "0");
}

void instance_losses(const struct instance *instance, struct instance_losses *losses)
{
	/* Events that were overwritten, that found no space, and that were recorded while a page was left. */
	static const char *const kinds[] = { "overrun:", "dropped events:", "commit overrun:" };

	*losses = (struct instance_losses){ .known = true };
	for (size_t i = 0; i < instance->cpu_count; i++) {
		char path[64], *text;

		snprintf(path, sizeof(path), "per_cpu/cpu%d/stats", instance->cpus[i]);
		text = instance->pipes[i] >= 0 ? tracefs_read(instance->folder, path) : NULL;
		for (size_t kind = 0; instance->pipes[i] >= 0 && kind < sizeof(kinds) / sizeof(kinds[0]); kind++) {
			uint64_t events = 0;

			losses->known &= text != NULL && tracefs_number(text, kinds[kind], &events);
			losses->events += events;
		}
		free(text);
	}
}

void instance_remove(struct instance *instance)
{
	sigset_t all, before;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	for (size_t i = 0; i < instance->cpu_count; i++)
		if (instance->pipes[i] >= 0)
			close(instance->pipes[i]);
	if (instance->held >= 0)
		close(instance->held);
	if (instance->folder >= 0)
		close(instance->folder);
	/* When the files are closed, another run can remove the instance first. */
	if (instance->name[0] != '\0' && unlinkat(instance->instances, instance->name, AT_REMOVEDIR) != 0 &&
	    errno != ENOENT && errno != ENODEV)
		complain("cannot remove the trace from tracefs (instances/%s): %s", instance->name, strerror(errno));
	if (instance->instances >= 0)
		close(instance->instances);
	free(instance->cpus);
	free(instance->pipes);
	memset(instance, 0, sizeof(*instance));
	instance->folder = instance->held = instance->instances = -1;
	sigprocmask(SIG_SETMASK, &before, NULL);
}
