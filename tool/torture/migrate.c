/* SPDX-License-Identifier: MIT */
/*
 * migrate.c - `rseqkit torture --migrate`: moves a thread that has stopped in a critical section to another CPU, so that the
 * aborted section starts again there.
 *
 * A faulty section goes on using the old CPU's number, and so changes the old CPU's data. This does harm only if another thread
 * has changed the same data meanwhile. The moved thread therefore stays stopped until another thread of the process has passed
 * the end of the same section on the old CPU. Meanwhile the tool keeps another thread on the old CPU, and has no breakpoints in
 * the section. A breakpoint at the section's end is outside the section, and aborts nothing.
 */
#define _GNU_SOURCE
#include <stddef.h>

#include "traced.h"

#define WAIT_S 0.02
#define CPU_ID 4 /* offset of the field cpu_id in struct rseq. Some programs keep something else in cpu_id_start */

/* Returns the CPU that the thread's area names. Returns -1 if the thread has no registration. */
static int cpu_of(const struct thread *thread)
{
	uint64_t area;
	uint32_t cpu;

	if (!machine_area(thread->tid, &area) || !process_read(thread->process, area + CPU_ID, &cpu, sizeof(cpu)))
		return -1;
	return cpu < CPU_SETSIZE ? (int)cpu : -1;
}

/* Allows the thread only one CPU. */
static bool narrow(struct thread *thread, int cpu)
{
	CPU_ZERO(&thread->narrowed);
	CPU_SET(cpu, &thread->narrowed);
	CPU_SET(cpu, &thread->single);
	thread->moved = sched_setaffinity(thread->tid, sizeof(thread->narrowed), &thread->narrowed) == 0;
	return thread->moved;
}

/* Allows the thread only one of its CPUs: another CPU than the CPU on which it executed last. */
static bool move(struct thread *thread)
{
	thread->old_cpu = cpu_of(thread);
	if (thread->old_cpu < 0 || (!thread->moved && sched_getaffinity(thread->tid, sizeof(thread->cpus), &thread->cpus) != 0))
		return false;
	for (int i = 1; i < CPU_SETSIZE; i++) {
		int cpu = (thread->old_cpu + i) % CPU_SETSIZE;

		if (!CPU_ISSET(cpu, &thread->cpus))
			continue;
		return narrow(thread, cpu);
	}
	return false;
}

/* Did `other` make its last step in the section in which `thread` has stopped? */
static bool was_there(const struct thread *other, const struct thread *thread)
{
	return other->place.mapping == thread->place.mapping && other->place.insn < thread->place.mapping->module->insn_count &&
	       place_insn(&other->place)->section == place_insn(&thread->place)->section;
}

/*
 * Keeps another thread of the process on the CPU from which `thread` was moved. Prefers a thread that made its last step in the
 * same section. Returns false if no other thread can be used.
 */
static bool send_other(struct torture *torture, const struct thread *thread)
{
	struct thread *best = NULL;

	for (struct thread *other = torture->threads; other != NULL; other = other->next)
		if (other != thread && other->process == thread->process && !other->moved && other->state == THREAD_RUNNING &&
		    other->place.mapping != NULL && (best == NULL || (!was_there(best, thread) && was_there(other, thread))))
			best = other;
	if (best == NULL || sched_getaffinity(best->tid, sizeof(best->cpus), &best->cpus) != 0 ||
	    !CPU_ISSET(thread->old_cpu, &best->cpus))
		return false;
	best->sent = narrow(best, thread->old_cpu);
	return best->sent;
}

/* Gives the threads that send_other() has kept on a CPU their own CPUs back. */
static void call_back(struct torture *torture, const struct process *process)
{
	for (struct thread *other = torture->threads; other != NULL; other = other->next)
		if (other->sent && other->process == process) {
			other->sent = false;
			migrate_back(other);
		}
}

bool migrate_away(struct torture *torture, struct thread *thread)
{
	struct process *process = thread->process;

	if (process->extras[EXTRA_END].set || thread->sent || !move(thread) || !send_other(torture, thread)) {
		torture->result->unmigrated++;
		return false;
	}
	if (!extra_set_end(process, EXTRA_END, &thread->place)) {
		call_back(torture, process);
		torture->result->unmigrated++;
		return false;
	}
	process_suspend(process, &thread->place);
	thread->waits = true;
	thread->deadline = traced_now() + WAIT_S;
	return true;
}

static void stop_waiting(struct torture *torture, struct thread *thread)
{
	thread->waits = false;
	call_back(torture, thread->process);
	process_resume(thread->process, &thread->place);
	extra_clear(thread->process, EXTRA_END);
	traced_inject(torture, thread);
}

void migrate_passed(struct torture *torture, const struct thread *passing)
{
	int cpu = cpu_of(passing);

	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next) {
		if (!thread->waits || thread->process != passing->process || thread->old_cpu != cpu)
			continue;
		torture->result->migrated++;
		place_insn(&thread->place)->migrated++;
		stop_waiting(torture, thread);
		return;
	}
}

void migrate_expire(struct torture *torture)
{
	double now = 0;

	for (struct thread *thread = torture->threads; thread != NULL; thread = thread->next) {
		if (!thread->waits)
			continue;
		if (now == 0)
			now = traced_now();
		if (now < thread->deadline && !torture->detaching)
			continue;
		torture->result->unmigrated++;
		stop_waiting(torture, thread);
	}
}

void migrate_back(struct thread *thread)
{
	cpu_set_t now;

	if (thread->moved && sched_getaffinity(thread->tid, sizeof(now), &now) == 0 && CPU_EQUAL(&now, &thread->narrowed))
		(void)sched_setaffinity(thread->tid, sizeof(thread->cpus), &thread->cpus);
	thread->moved = false;
}

void migrate_inherited(const struct thread *parent, struct thread *child)
{
	cpu_set_t choice = parent->cpus, now, common;

	/* The child has the CPUs that its parent had at the fork. Since then the tool may have moved the parent again. */
	if (CPU_COUNT(&parent->single) == 0 || sched_getaffinity(child->tid, sizeof(now), &now) != 0)
		return;
	if (child->moved) /* the tool has moved the child before its parent reported it */
		now = child->cpus;
	CPU_AND(&common, &now, &parent->single);
	if (CPU_COUNT(&now) != 1 || CPU_COUNT(&common) == 0 ||
	    (!parent->moved && sched_getaffinity(parent->tid, sizeof(choice), &choice) != 0))
		return;
	if (child->moved)
		child->cpus = choice;
	else
		(void)sched_setaffinity(child->tid, sizeof(choice), &choice);
}
