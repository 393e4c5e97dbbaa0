/* SPDX-License-Identifier: MIT */
/* proc.c - reads facts about processes and threads, see proc.h. */
#define _GNU_SOURCE
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "output.h"

#define FLAGS_KERNEL 0x204010 /* PF_KTHREAD, PF_USER_WORKER, PF_IO_WORKER of the kernel's include/linux/sched.h */
#define INITIAL_NAMESPACE "pid:[4026531836]" /* PROC_PID_INIT_INO of include/linux/proc_ns.h */

static bool read_file(pid_t tid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, size - 1);
		close(fd);
	}
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* In /proc/TID/stat the name in parentheses can contain any byte, so it ends at the last ')'. The start time is field 22. */
bool proc_thread(pid_t tid, struct proc_thread *thread)
{
	char text[1024], *begin, *end;

	if (!read_file(tid, "stat", text, sizeof(text)))
		return false;
	begin = strchr(text, '(');
	end = strrchr(text, ')');
	if (begin == NULL || end == NULL || end < begin)
		return false;
	*end = '\0';
	snprintf(thread->name, sizeof(thread->name), "%s", begin + 1);
	for (int field = 2; field < 22 && end != NULL; field++)
		end = strchr(end + 1, ' ');
	thread->started = end != NULL ? strtoull(end + 1, NULL, 10) : 0;
	return true;
}

bool proc_field(pid_t tid, const char *name, char *text, size_t size)
{
	const size_t length = strlen(name);
	char path[64], *line = NULL;
	size_t room = 0;
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	file = fopen(path, "re");
	/* The line of supplementary groups can be long. The kernel escapes a newline in the thread's name. */
	while (file != NULL && !found && getline(&line, &room, file) > 0)
		found = strncmp(line, name, length) == 0 && line[length] == ':';
	if (found)
		snprintf(text, size, "%s", line + length + 1 + strspn(line + length + 1, " \t"));
	free(line);
	if (file != NULL)
		fclose(file);
	return found;
}

FILE *proc_open(pid_t pid, pid_t tid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
	return fopen(path, "re");
}

/* Returns the text after `key` if the line begins with `key`; otherwise NULL. */
static const char *value_of(const char *line, const char *key)
{
	size_t length = strlen(key);

	return strncmp(line, key, length) == 0 ? line + length : NULL;
}

static uint64_t number_of(const char *line, const char *key)
{
	const char *value = value_of(line, key);

	return value != NULL ? strtoull(value, NULL, 10) : 0;
}

/* Reads one line of `status`. The kernel escapes newlines in a thread's name, so the name is on one line. */
static void read_line(struct proc_status *status, const char *line)
{
	const char *name = value_of(line, "Name:\t"), *state = value_of(line, "State:\t");

	if (name != NULL)
		copy_printable(status->name, sizeof(status->name), name);
	if (state != NULL)
		status->state = state[0];
	status->process += (pid_t)number_of(line, "Tgid:");
	status->tracer += (pid_t)number_of(line, "TracerPid:");
	status->threads += number_of(line, "Threads:");
	status->seccomp += (int)number_of(line, "Seccomp:");
	status->switches += number_of(line, "voluntary_ctxt_switches:") + number_of(line, "nonvoluntary_ctxt_switches:");
}

/*
 * Reads the seventh and the twentieth field after the name in `stat`. The name isn't escaped in `stat`, so the fields are
 * counted from the last ')'.
 */
static void read_fields(struct proc_status *status, const char *text)
{
	const char *at = strrchr(text, ')');
	unsigned long flags = 0;
	unsigned long long started = 0;

	if (at != NULL)
		(void)sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %lu %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			     &flags, &started);
	status->kernel = (flags & FLAGS_KERNEL) != 0;
	status->started = started;
}

bool proc_status(pid_t pid, pid_t tid, struct proc_status *status)
{
	FILE *file = proc_open(pid, tid, "status");
	char *text = NULL;
	size_t room = 0;

	memset(status, 0, sizeof(*status));
	/* getline() is used, because the line of supplementary groups can be long. */
	while (file != NULL && getline(&text, &room, file) > 0)
		read_line(status, text);
	if (file != NULL)
		fclose(file);
	file = proc_open(pid, tid, "stat");
	if (file != NULL && getdelim(&text, &room, '\0', file) > 0)
		read_fields(status, text);
	if (file != NULL)
		fclose(file);
	free(text);
	return status->state != '\0';
}

bool proc_has_signal(pid_t tid, const char *name, int signal)
{
	char text[64];

	return proc_field(tid, name, text, sizeof(text)) && (strtoull(text, NULL, 16) >> (signal - 1) & 1) != 0;
}

bool proc_lives(pid_t tid)
{
	char state[32];

	return proc_field(tid, "State", state, sizeof(state)) && state[0] != 'Z' && state[0] != 'X';
}

pid_t proc_tracer(pid_t tid)
{
	char tracer[32];

	return proc_field(tid, "TracerPid", tracer, sizeof(tracer)) ? (pid_t)atoi(tracer) : 0;
}

bool proc_process(pid_t tid, pid_t *pid)
{
	char text[32];

	if (!proc_field(tid, "Tgid", text, sizeof(text)))
		return false;
	*pid = (pid_t)strtol(text, NULL, 10);
	return *pid > 0;
}

bool proc_is_ours(void)
{
	char self[32];
	ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);
	pid_t pid = getpid();

	if (n < 0 && errno != ENOENT)
		return true; /* a filter refuses readlink(), so the namespace is unknown */
	self[n > 0 ? n : 0] = '\0';
	return n > 0 && (pid < 0 || strtol(self, NULL, 10) == pid); /* pid < 0: a filter refuses getpid() */
}

bool proc_is_initial(void)
{
	char name[64];
	ssize_t n = readlink("/proc/self/ns/pid", name, sizeof(name) - 1);
	struct stat status;

	/* If a filter refuses readlink(), the namespace's number is still that of the inode. */
	if (n < 0 && stat("/proc/self/ns/pid", &status) == 0)
		n = snprintf(name, sizeof(name), "pid:[%ju]", (uintmax_t)status.st_ino);
	name[n > 0 ? n : 0] = '\0';
	return strcmp(name, INITIAL_NAMESPACE) == 0 && proc_is_ours();
}

uint64_t proc_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

/*
 * The file has the offsets of the namespace of this process's children. Usually this process is in the same namespace. If the two
 * namespaces differ after unshare(2), the process has stayed in its old one, which is most often the initial one.
 */
int64_t proc_clock_shift(void)
{
	FILE *file = fopen("/proc/self/timens_offsets", "re");
	struct stat own, children;
	long long seconds = 0, nanoseconds = 0;
	char line[128];
	bool found = false;

	while (file != NULL && !found && fgets(line, sizeof(line), file) != NULL)
		found = sscanf(line, "monotonic %lld %lld", &seconds, &nanoseconds) == 2;
	if (file != NULL)
		fclose(file);
	if (stat("/proc/self/ns/time", &own) == 0 && stat("/proc/self/ns/time_for_children", &children) == 0 &&
	    own.st_ino != children.st_ino)
		found = false;
	return found ? (int64_t)seconds * 1000000000 + nanoseconds : 0;
}
