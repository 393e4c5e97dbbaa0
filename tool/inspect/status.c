/* SPDX-License-Identifier: MIT */
/* status.c - reads a thread's state from /proc, and finds the living threads of a process. */
#define _GNU_SOURCE
#include "inspect.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"

#define FLAGS_KERNEL 0x204010 /* PF_KTHREAD, PF_USER_WORKER, PF_IO_WORKER of the kernel's include/linux/sched.h */

static FILE *open_proc(pid_t pid, pid_t tid, const char *name)
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
static void read_line(struct inspect_status *status, const char *line)
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
static void read_fields(struct inspect_status *status, const char *text)
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

bool inspect_status(pid_t pid, pid_t tid, struct inspect_status *status)
{
	FILE *file = open_proc(pid, tid, "status");
	char *text = NULL;
	size_t room = 0;

	memset(status, 0, sizeof(*status));
	/* getline() is used, because the line of supplementary groups can be long. */
	while (file != NULL && getline(&text, &room, file) > 0)
		read_line(status, text);
	if (file != NULL)
		fclose(file);
	file = open_proc(pid, tid, "stat");
	if (file != NULL && getdelim(&text, &room, '\0', file) > 0)
		read_fields(status, text);
	if (file != NULL)
		fclose(file);
	free(text);
	return status->state != '\0';
}

#define HASH_START UINT64_C(0xcbf29ce484222325) /* FNV-1a */

static uint64_t hash_byte(uint64_t hash, int byte)
{
	return (hash ^ (uint64_t)byte) * UINT64_C(0x100000001b3);
}

/*
 * Computes a hash of the addresses of the program's code and stack: fields 26 to 28 of `stat`, which the kernel shows to each
 * process that may trace this one. The kernel sets the stack last, and the field is 0 before.
 */
static uint64_t hash_addresses(pid_t pid, pid_t tid)
{
	FILE *file = open_proc(pid, tid, "stat");
	char *text = NULL, *at = NULL;
	unsigned long long code = 0, end = 0, stack = 0;
	uint64_t hash = HASH_START;
	size_t room = 0;

	if (file != NULL && getdelim(&text, &room, '\0', file) > 0)
		at = strrchr(text, ')');
	for (int field = 2; field < 26 && at != NULL; field++)
		at = strchr(at + 1, ' ');
	if (at == NULL || sscanf(at, "%llu %llu %llu", &code, &end, &stack) != 3)
		stack = 0;
	for (int shift = 0; shift < 64; shift += 8)
		hash = hash_byte(hash_byte(hash_byte(hash, (int)(code >> shift & 255)), (int)(end >> shift & 255)),
				 (int)(stack >> shift & 255));
	if (file != NULL)
		fclose(file);
	free(text);
	return stack != 0 ? hash : 0;
}

/*
 * Computes a hash of the auxiliary vector, which has the addresses that the kernel chose for the program. During an execve() the
 * vector has only its last entry, which is zeros. The kernel's create_elf_tables() (fs/binfmt_elf.c) fills the vector. The
 * vector's file belongs to the process's user, or to root. If this tool isn't permitted to open it, uses other addresses.
 */
uint64_t inspect_image(pid_t pid)
{
	pid_t tid = inspect_living_thread(pid);
	FILE *file = open_proc(pid, tid, "auxv");
	uint64_t image = HASH_START;
	int byte, any = 0;

	if (file == NULL)
		return hash_addresses(pid, tid);
	while ((byte = fgetc(file)) != EOF) {
		image = hash_byte(image, byte);
		any |= byte;
	}
	fclose(file);
	return any != 0 ? image : 0;
}

bool inspect_has_ended(const struct inspect_status *status)
{
	return status->state == 'Z' || status->state == 'X';
}

/* Has the process released its memory? An ending process releases its memory long before the process disappears. */
static bool has_no_memory(pid_t tid)
{
	FILE *maps = open_proc(tid, tid, "maps");
	bool empty;

	if (maps == NULL)
		return false; /* this process isn't permitted to read the file */
	empty = fgetc(maps) == EOF;
	fclose(maps);
	return empty;
}

bool inspect_lives(pid_t pid, pid_t tid)
{
	struct inspect_status status;

	return inspect_status(pid, tid, &status) && !inspect_has_ended(&status) && !has_no_memory(tid);
}

pid_t inspect_living_thread(pid_t pid)
{
	pid_t found = inspect_lives(pid, pid) ? pid : 0;
	char path[64];
	DIR *tasks;
	struct dirent *entry;

	if (found != 0)
		return found;
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	/* The kernel lists threads in the order of their creation, so the first one is the oldest. */
	while (tasks != NULL && found == 0 && (entry = readdir(tasks)) != NULL) {
		pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (tid > 0 && inspect_lives(pid, tid))
			found = tid;
	}
	if (tasks != NULL)
		closedir(tasks);
	return found;
}
