/* SPDX-License-Identifier: MIT */
/*
 * tasks.h - the threads and processes whose critical sections abort, and the files to which their addresses belong.
 *
 * An event has a thread's id and addresses. The tool reads everything else from /proc while the process lives: names, the
 * thread's process, and the process's mappings. The invariant: an address of an event is looked up only in mappings of the
 * program that the thread executed at the time of the event. If a process executes another program, it gets another element of
 * `processes`.
 */
#ifndef RK_TOOL_TRACE_TASKS_H
#define RK_TOOL_TRACE_TASKS_H

#include "capture.h"
#include "sites.h"

struct tasks_mapping {
	uint64_t begin, end;
	uint64_t bias; /* an address plus this number is the offset in the file */
	uint32_t file; /* the number of the file in struct places; KEYS_NONE if no file is mapped */
};

struct tasks_process {
	pid_t pid;  /* 0: unknown, because the thread had ended before this tool looked for its process */
	char name[32];
	uint64_t started;    /* when the process started, see struct proc_thread */
	struct tasks_mapping *mappings; /* the mappings with code, sorted by address */
	size_t mapping_count;
	uint32_t version;    /* how often `mappings` has changed */
	uint64_t text;       /* a hash of /proc/PID/maps */
	uint64_t next_read;  /* /proc/PID/maps isn't read again before this time */
	bool has_read, over; /* has_read: `mappings` is valid; over: the process executes another program now */
};

struct tasks_thread {
	pid_t tid;
	uint32_t process;
	char name[32];
	uint64_t started, next_look; /* next_look: when the tool checks again whether this thread still has its id */
	bool over; /* the thread executes another program now */
};

struct tasks {
	struct tasks_thread *threads;
	struct tasks_process *processes;
	uint32_t thread_count, process_count;
	struct keys thread_keys, process_keys, site_keys;
	struct places *places;
	struct capture *capture;
};

/* Returns the thread's index in `threads`. If there are too many threads, all further ones share one element with id 0. */
uint32_t tasks_thread(struct tasks *tasks, pid_t tid);

/* Call this for an event by which a thread has executed another program. */
void tasks_exec(struct tasks *tasks, const struct capture_event *event);

/* Returns the number of the site of an abort (sites.h), or KEYS_NONE if there are too many sites. */
uint32_t tasks_site(struct tasks *tasks, uint32_t thread, const struct capture_event *event);

void tasks_forget(struct tasks *tasks);

#endif /* RK_TOOL_TRACE_TASKS_H */
