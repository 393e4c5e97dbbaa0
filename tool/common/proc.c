/* SPDX-License-Identifier: MIT */
/* proc.c - reads facts about processes and threads, see proc.h. */
#define _GNU_SOURCE
#include "proc.h"

#include <errno.h>
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

FILE *proc_open(pid_t pid, pid_t tid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", (int)pid, (int)tid, name);
	return fopen(path, "re");
}

/* Opens a file of /proc/TID/. The kernel has this folder for each thread, and lists it only for a process's first thread. */
static FILE *open_file(pid_t tid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)tid, name);
	return fopen(path, "re");
}

/*
 * Calls the function for each line of `status`, until it returns false, and closes the file. The line of supplementary groups can
 * be long. The kernel escapes newlines in the thread's name, so the name is on one line.
 */
static void read_lines(FILE *file, bool (*function)(void *, const char *), void *argument)
{
	char *line = NULL;
	size_t room = 0;

	while (file != NULL && getline(&line, &room, file) > 0 && function(argument, line))
		;
	free(line);
	if (file != NULL)
		fclose(file);
}

/* If the line of `status` has the field `name`, returns its value. Otherwise returns NULL. */
static const char *value_of(const char *line, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(line, name, length) != 0 || line[length] != ':')
		return NULL;
	return line + length + 1 + strspn(line + length + 1, " \t");
}

static uint64_t number_of(const char *line, const char *name)
{
	const char *value = value_of(line, name);

	return value != NULL ? strtoull(value, NULL, 10) : 0;
}

struct field {
	const char *name;
	char *text;
	size_t size;
	bool found;
};

static bool read_field(void *argument, const char *line)
{
	struct field *field = (struct field *)argument;
	const char *value = value_of(line, field->name);

	if (value != NULL)
		snprintf(field->text, field->size, "%s", value);
	field->found = value != NULL;
	return !field->found;
}

bool proc_field(pid_t tid, const char *name, char *text, size_t size)
{
	struct field field = {name, text, size, false};

	read_lines(open_file(tid, "status"), read_field, &field);
	return field.found;
}

static bool read_status(void *argument, const char *line)
{
	struct proc_status *status = (struct proc_status *)argument;
	const char *name = value_of(line, "Name"), *state = value_of(line, "State");

	if (name != NULL)
		copy_printable(status->name, sizeof(status->name), name);
	if (state != NULL)
		status->state = state[0];
	status->process += (pid_t)number_of(line, "Tgid");
	status->tracer += (pid_t)number_of(line, "TracerPid");
	status->threads += number_of(line, "Threads");
	status->seccomp += (int)number_of(line, "Seccomp");
	status->switches += number_of(line, "voluntary_ctxt_switches") + number_of(line, "nonvoluntary_ctxt_switches");
	return true;
}

/* Fields of `stat`. */
struct stat_fields {
	char name[PROC_NAME];
	unsigned long flags;
	unsigned long long started;
};

/*
 * Reads `stat`, and closes the file. The name in parentheses can contain any byte, so it ends at the last ')'. The flags are the
 * seventh field after it, and the start time is the twentieth. Returns false if there is no name.
 */
static bool read_stat(FILE *file, struct stat_fields *fields)
{
	char text[1024], *begin, *end;
	size_t n = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;

	if (file != NULL)
		fclose(file);
	memset(fields, 0, sizeof(*fields));
	text[n] = '\0';
	begin = strchr(text, '(');
	end = strrchr(text, ')');
	if (begin == NULL || end == NULL || end < begin)
		return false;
	*end = '\0';
	snprintf(fields->name, sizeof(fields->name), "%s", begin + 1);
	(void)sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %lu %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		     &fields->flags, &fields->started);
	return true;
}

bool proc_thread(pid_t tid, struct proc_thread *thread)
{
	struct stat_fields fields;

	if (!read_stat(open_file(tid, "stat"), &fields))
		return false;
	memcpy(thread->name, fields.name, sizeof(thread->name));
	thread->started = fields.started;
	return true;
}

bool proc_status(pid_t pid, pid_t tid, struct proc_status *status)
{
	struct stat_fields fields;

	memset(status, 0, sizeof(*status));
	read_lines(proc_open(pid, tid, "status"), read_status, status);
	(void)read_stat(proc_open(pid, tid, "stat"), &fields);
	status->kernel = (fields.flags & FLAGS_KERNEL) != 0;
	status->started = fields.started;
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
