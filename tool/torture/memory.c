/* SPDX-License-Identifier: MIT */
/* memory.c - reads and writes the memory of a process that `rseqkit torture` handles. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "space.h"

/*
 * The memory of at most this many processes is open at a time. A program can have more processes than the tool may have
 * descriptors.
 */
#define OPENED_MAX 200
#define OTHERS 16 /* this many descriptors stay free for other purposes */

static struct process *opened; /* the processes whose memory is open; the last one that was opened is the first in the list */

void process_close(struct process *process)
{
	struct process **place = &opened;

	if (process->memory < 0)
		return;
	while (*place != process)
		place = &(*place)->next_open;
	*place = process->next_open;
	close(process->memory);
	process->memory = -1;
}

/* Returns how many processes' memory can be open at the same time. */
static unsigned opened_max(void)
{
	struct rlimit limit;
	unsigned left;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= UINT_MAX)
		return OPENED_MAX;
	left = limit.rlim_cur > OTHERS ? (unsigned)limit.rlim_cur - OTHERS : 1;
	return left < OPENED_MAX ? left : OPENED_MAX;
}

/* Opens the memory through any thread of the process, because the first thread may have ended. */
static void open_by_thread(struct process *process)
{
	char path[300];
	struct dirent *entry;
	DIR *folder;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)process->pid);
	folder = opendir(path);
	while (folder != NULL && process->memory < 0 && (entry = readdir(folder)) != NULL) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/mem", (int)process->pid, entry->d_name);
		process->memory = entry->d_name[0] != '.' ? open(path, O_RDWR | O_CLOEXEC) : -1;
	}
	if (folder != NULL)
		closedir(folder);
}

bool process_open(struct process *process)
{
	struct process *oldest = opened;
	unsigned count = 0;
	char path[64];

	if (process->memory >= 0)
		return true;
	for (struct process *other = opened; other != NULL; other = other->next_open, count++)
		oldest = other;
	if (oldest != NULL && count >= opened_max())
		process_close(oldest);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)process->pid);
	process->memory = open(path, O_RDWR | O_CLOEXEC);
	if (process->memory < 0)
		open_by_thread(process);
	if (process->memory < 0)
		return false;
	process->next_open = opened;
	opened = process;
	return true;
}

bool process_read(struct process *process, uint64_t address, void *to, size_t size)
{
	return process_open(process) && pread(process->memory, to, size, (off_t)address) == (ssize_t)size;
}

bool process_write(struct process *process, uint64_t address, const void *from, size_t size)
{
	return process_open(process) && pwrite(process->memory, from, size, (off_t)address) == (ssize_t)size;
}
