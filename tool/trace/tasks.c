/* SPDX-License-Identifier: MIT */
/* tasks.c - keeps the threads and processes of events, see tasks.h. */
#include "tasks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "mappings.h"
#include "common/proc.h"

#define LOOK_NS 1000000000U /* after this time, the tool checks again whether a thread still has its id and its name */

enum { TASKS_MAX = 1 << 16 };

static uint32_t add_process(struct tasks *tasks, pid_t pid, const struct proc_thread *leader)
{
	struct tasks_process *process;

	tasks->processes = (struct tasks_process *)keys_grow(tasks->processes, tasks->process_count, sizeof(*tasks->processes));
	process = &tasks->processes[tasks->process_count];
	process->pid = pid;
	process->started = leader->started;
	copy_printable(process->name, sizeof(process->name), leader->name);
	keys_set(&tasks->process_keys, (uint64_t)pid, 0, 0, tasks->process_count);
	return tasks->process_count++;
}

/* Returns the entry for processes that are unknown. */
static uint32_t unknown_process(struct tasks *tasks)
{
	const struct proc_thread nothing = {.started = 0};
	uint32_t found = keys_find(&tasks->process_keys, 0, 0, 0);

	if (found != KEYS_NONE)
		return found;
	found = add_process(tasks, 0, &nothing);
	tasks->processes[found].over = true;
	return found;
}

static uint32_t process_of(struct tasks *tasks, pid_t tid)
{
	struct proc_thread leader;
	uint32_t found;
	pid_t pid;

	if (!proc_process(tid, &pid) || !proc_thread(pid, &leader))
		return unknown_process(tasks);
	found = keys_find(&tasks->process_keys, (uint64_t)pid, 0, 0);
	if (found != KEYS_NONE && tasks->processes[found].started == leader.started && !tasks->processes[found].over)
		return found;
	return tasks->process_count < TASKS_MAX ? add_process(tasks, pid, &leader) : unknown_process(tasks);
}

static uint32_t add_thread(struct tasks *tasks, pid_t tid, uint32_t process, const struct proc_thread *found)
{
	struct tasks_thread *thread;

	tasks->threads = (struct tasks_thread *)keys_grow(tasks->threads, tasks->thread_count, sizeof(*tasks->threads));
	thread = &tasks->threads[tasks->thread_count];
	thread->tid = tid;
	thread->process = process;
	thread->started = found->started;
	thread->next_look = proc_now() + LOOK_NS;
	copy_printable(thread->name, sizeof(thread->name), found->name);
	keys_set(&tasks->thread_keys, (uint64_t)tid, 0, 0, tasks->thread_count);
	return tasks->thread_count++;
}

/* Does this thread still have its id, or has a newer thread the same id now? Also reads the thread's name, which can change. */
static bool is_same(struct tasks_thread *thread)
{
	struct proc_thread now;

	thread->next_look = proc_now() + LOOK_NS;
	if (!proc_thread(thread->tid, &now))
		return true;
	if (now.started != thread->started && thread->started != 0)
		return false;
	copy_printable(thread->name, sizeof(thread->name), now.name);
	return true;
}

uint32_t tasks_thread(struct tasks *tasks, pid_t tid)
{
	struct proc_thread nothing = {.started = 0}, found;
	uint32_t known = keys_find(&tasks->thread_keys, (uint64_t)tid, 0, 0);

	if (known != KEYS_NONE && !tasks->threads[known].over &&
	    (proc_now() < tasks->threads[known].next_look || is_same(&tasks->threads[known])))
		return known;
	if (tasks->thread_count >= TASKS_MAX) {
		known = keys_find(&tasks->thread_keys, 0, 0, 0);
		return known != KEYS_NONE ? known : add_thread(tasks, 0, unknown_process(tasks), &nothing);
	}
	if (!proc_thread(tid, &found))
		return add_thread(tasks, tid, unknown_process(tasks), &nothing);
	return add_thread(tasks, tid, process_of(tasks, tid), &found);
}

/* When a thread executes a program, the kernel ends all other threads of the process, and gives this thread the process's id. */
void tasks_exec(struct tasks *tasks, const struct capture_event *event)
{
	uint32_t process = keys_find(&tasks->process_keys, (uint64_t)event->tid, 0, 0);

	if (process != KEYS_NONE)
		tasks->processes[process].over = true;
	for (int i = 0; i < 2; i++) {
		uint64_t tid = (uint64_t)(i == 0 ? event->tid : event->old_tid);
		uint32_t thread = keys_find(&tasks->thread_keys, tid, 0, 0);

		/* After this, the next event with this thread id makes a new entry in the list of threads. */
		if (thread != KEYS_NONE)
			tasks->threads[thread].over = true;
	}
}

uint32_t tasks_site(struct tasks *tasks, uint32_t thread, const struct capture_event *event)
{
	uint32_t number = tasks->threads[thread].process, site;
	struct tasks_process *process = &tasks->processes[number];
	const struct tasks_mapping *mapping;

	mappings_refresh(tasks, number);
	site = keys_find(&tasks->site_keys, ((uint64_t)process->version << 32) | number, event->ip, event->start);
	if (site != KEYS_NONE)
		return site;
	mapping = mappings_find(tasks, number, event->start);
	if (mapping != NULL && event->ip >= mapping->begin && event->ip < mapping->end)
		site = places_site(tasks->places, mapping->file, number, event->ip, event->start, event->length, mapping->bias);
	else
		site = places_site(tasks->places, KEYS_NONE, number, event->ip, event->start, event->length, 0);
	/* mappings_find() may have read a new list, which has another version. */
	if (site != KEYS_NONE)
		keys_set(&tasks->site_keys, ((uint64_t)process->version << 32) | number, event->ip, event->start, site);
	return site;
}

void tasks_forget(struct tasks *tasks)
{
	for (uint32_t i = 0; i < tasks->process_count; i++)
		free(tasks->processes[i].mappings);
	free(tasks->threads);
	free(tasks->processes);
	keys_forget(&tasks->thread_keys);
	keys_forget(&tasks->process_keys);
	keys_forget(&tasks->site_keys);
	memset(tasks, 0, sizeof(*tasks));
}
