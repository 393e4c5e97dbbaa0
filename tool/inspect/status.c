/* SPDX-License-Identifier: MIT */
/* status.c - finds the living threads of a process, and recognises the program that it runs. */
#define _GNU_SOURCE
#include "inspect.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

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
	FILE *file = proc_open(pid, tid, "stat");
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
	FILE *file = proc_open(pid, tid, "auxv");
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

bool inspect_has_ended(const struct proc_status *status)
{
	return status->state == 'Z' || status->state == 'X';
}

/* Has the process released its memory? An ending process releases its memory long before the process disappears. */
static bool has_no_memory(pid_t tid)
{
	FILE *maps = proc_open(tid, tid, "maps");
	bool empty;

	if (maps == NULL)
		return false; /* this process isn't permitted to read the file */
	empty = fgetc(maps) == EOF;
	fclose(maps);
	return empty;
}

bool inspect_lives(pid_t pid, pid_t tid)
{
	struct proc_status status;

	return proc_status(pid, tid, &status) && !inspect_has_ended(&status) && !has_no_memory(tid);
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
