/* SPDX-License-Identifier: MIT */
/*
 * tasks.h - the threads and processes that aborts come from, and what their addresses mean.
 *
 * An event has a thread's id and addresses. Everything else comes from /proc, while the process lives: names, the thread's
 * process, and the files that the process has mapped. The invariant: an address is looked up only in a list of mappings that
 * belongs to the program that the thread ran at the event. Another program in the same process is another entry.
 */
#ifndef RK_TOOL_TRACE_TASKS_H
#define RK_TOOL_TRACE_TASKS_H

#include "capture.h"
#include "sites.h"

struct tasks_mapping {
	uint64_t begin, end;
	uint64_t bias; /* to be added to an address for the offset in the file */
	uint32_t file; /* KEYS_NONE if it isn't a file */
};

struct tasks_process {
	pid_t pid;  /* 0: unknown, because the thread had ended before this tool looked */
	char name[32];
	uint64_t started;
	struct tasks_mapping *mappings; /* sorted; those with code only */
	size_t mapping_count;
	uint32_t version;    /* counts the different lists of mappings */
	uint64_t text;       /* a hash of the list */
	uint64_t next_read;  /* the list isn't read again before this time */
	bool has_read, over; /* over: the process runs another program now */
};

struct tasks_thread {
	pid_t tid;
	uint32_t process;
	char name[32];
	uint64_t started, next_look;
	bool over; /* the thread runs another program now */
};

struct tasks {
	struct tasks_thread *threads;
	struct tasks_process *processes;
	uint32_t thread_count, process_count;
	struct keys thread_keys, process_keys, site_keys;
	struct places *places;
	struct capture *capture;
};

/* Returns the thread of an event. Threads above the limit share one entry, whose id is 0. */
uint32_t tasks_thread(struct tasks *tasks, pid_t tid);

/* Call this for an event by which a thread has executed another program. */
void tasks_exec(struct tasks *tasks, const struct capture_event *event);

/* Returns the site of an abort, or KEYS_NONE if there are too many sites. */
uint32_t tasks_site(struct tasks *tasks, uint32_t thread, const struct capture_event *event);

void tasks_forget(struct tasks *tasks);

#endif /* RK_TOOL_TRACE_TASKS_H */
