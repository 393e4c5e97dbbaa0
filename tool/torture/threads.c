/* SPDX-License-Identifier: MIT */
/* threads.c - the list of the threads that `rseqkit torture` traces, and the functions that let a stopped thread go on. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <time.h>

#include "traced.h"

#define TRAP_BIT ((uint64_t)1 << (SIGTRAP - 1))

double traced_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static unsigned bucket_of(pid_t tid)
{
	return (unsigned)tid % TRACED_BUCKETS;
}

struct thread *traced_find(const struct torture *torture, pid_t tid)
{
	struct thread *thread = torture->buckets[bucket_of(tid)];

	while (thread != NULL && thread->tid != tid)
		thread = thread->next_in_bucket;
	return thread;
}

struct thread *traced_add(struct torture *torture, pid_t tid, pid_t group, struct process *process)
{
	struct thread *thread = (struct thread *)calloc(1, sizeof(*thread));

	if (thread == NULL)
		return NULL;
	thread->tid = tid;
	thread->group = group;
	thread->process = process;
	thread->next = torture->threads;
	torture->threads = thread;
	thread->next_in_bucket = torture->buckets[bucket_of(tid)];
	torture->buckets[bucket_of(tid)] = thread;
	torture->result->threads++;
	return thread;
}

void traced_remove(struct torture *torture, struct thread *thread)
{
	struct thread **place = &torture->threads;

	while (*place != thread)
		place = &(*place)->next;
	*place = thread->next;
	place = &torture->buckets[bucket_of(thread->tid)];
	while (*place != thread)
		place = &(*place)->next_in_bucket;
	*place = thread->next_in_bucket;
	if (thread->waits)
		extra_clear(thread->process, EXTRA_END);
	process_release(thread->process);
	free(thread);
}

void traced_go(struct thread *thread, int signal)
{
	thread->state = THREAD_RUNNING;
	(void)ptrace(thread->step != STEP_NONE ? PTRACE_SINGLESTEP : PTRACE_CONT, thread->tid, NULL, (uintptr_t)signal);
}

/* The signals that are blocked during a step: all signals except those that an instruction can raise. */
static uint64_t blocked_in_step(void)
{
	static const int open[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS};
	uint64_t mask = ~(uint64_t)0;

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		mask &= ~((uint64_t)1 << (open[i] - 1));
	return mask;
}

void traced_step(struct thread *thread, enum step step)
{
	const uint64_t mask = blocked_in_step() | (thread->blocks_trap ? TRAP_BIT : 0);

	thread->step = step;
	if (ptrace(PTRACE_GETSIGMASK, thread->tid, sizeof(thread->mask), &thread->mask) == 0)
		thread->masked = ptrace(PTRACE_SETSIGMASK, thread->tid, sizeof(mask), &mask) == 0;
	traced_go(thread, 0);
}

void traced_enter_handler(struct thread *thread)
{
	struct machine_registers registers;

	if (thread->handler_stack != 0 || !machine_read(thread->tid, &registers))
		return;
	thread->handler_stack = registers.general[machine_stack];
	thread->blocked_before = thread->blocks_trap;
}

void traced_leave_handler(struct thread *thread, uint64_t stack)
{
	if (thread->handler_stack == 0 || stack < thread->handler_stack)
		return;
	thread->handler_stack = 0;
	thread->blocks_trap = thread->blocked_before;
}

void traced_block_again(struct thread *thread)
{
	struct machine_registers registers;
	uint64_t mask;

	if (thread->handler_stack != 0 && machine_read(thread->tid, &registers))
		traced_leave_handler(thread, registers.general[machine_stack]);
	if (!thread->blocks_trap || ptrace(PTRACE_GETSIGMASK, thread->tid, sizeof(mask), &mask) != 0)
		return;
	mask |= TRAP_BIT;
	(void)ptrace(PTRACE_SETSIGMASK, thread->tid, sizeof(mask), &mask);
}

void traced_end_step(struct thread *thread)
{
	if (thread->masked)
		(void)ptrace(PTRACE_SETSIGMASK, thread->tid, sizeof(thread->mask), &thread->mask);
	thread->masked = false;
	thread->step = STEP_NONE;
}

void extra_put_back(struct thread *thread)
{
	const struct extra *extra = &thread->process->extras[thread->extra];
	struct machine_registers registers;

	if (!thread->aside || !machine_read(thread->tid, &registers))
		return;
	if (registers.ip == extra->copy || registers.ip == extra->copy + extra->size)
		(void)machine_set_ip(thread->tid, registers.ip - extra->copy + extra->address);
	thread->aside = false;
}

void traced_inject(struct torture *torture, struct thread *thread)
{
	place_insn(&thread->place)->injected++;
	torture->result->injected++;
	traced_step(thread, STEP_ABORT);
}
