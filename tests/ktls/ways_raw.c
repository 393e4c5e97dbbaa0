/* SPDX-License-Identifier: MIT */
/*
 * ways_raw.c - creates raw threads, which no C library made. Also creates threads that get a signal before their first
 * instruction.
 *
 * A raw thread has thread data, but not all data that a C library keeps for a thread. It calls no function of the C library
 * before it has judged itself.
 */
#define _GNU_SOURCE
#define RAW_DEFINE
#include "modes.h"
#include "ways.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define STACK_BYTES (1 << 16)

/* Judges the thread. If it isn't registered, checks whether rseqkit's first operation registers it. */
static void judge_and_operate(void)
{
	int faults = judge(&place, true);

	if (faults & NOT_REGISTERED) {
		outcome->operation = mode_first_operation();
		outcome->helped = judge_is_registered_at(raw_thread_pointer() + place.offset, place.length);
	}
	count_judged(faults);
}

/* Describes a raw thread. Only one raw thread exists at a time. All raw threads use the same thread data and stack. */
struct raw_thread {
	char *pointer, *stack;
	volatile int alive;
};

static bool prepare_raw(struct raw_thread *thread)
{
	if (thread->pointer == NULL)
		thread->pointer = mode_thread_data();
	if (thread->stack == NULL)
		thread->stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (thread->pointer != NULL && thread->stack != MAP_FAILED)
		return true;
	outcome->skip = "there is no thread data for raw threads here";
	return false;
}

#define RAW_FLAGS (RAW_CLONE_THREAD_FLAGS | RAW_CLONE_SETTLS | RAW_CLONE_CHILD_CLEARTID)

static long start_raw(struct raw_thread *thread, void (*function)(void *), void *argument)
{
	struct raw_clone_args args = {
		.flags = RAW_FLAGS | (mode == FLAG ? RAW_CLONE_RSEQ_KTLS : 0),
		.child_tid = (uintptr_t)&thread->alive,
		.stack = (uintptr_t)thread->stack,
		.stack_size = STACK_BYTES,
		.tls = (uintptr_t)thread->pointer,
	};
	long id;

	thread->alive = 1;
	id = raw_clone3(&args, sizeof(args), function, argument);
	if (id < 0)
		thread->alive = 0;
	return id;
}

static void raw_start(void *argument)
{
	(void)argument;
	judge_and_operate();
}

static void raw_start_shortly(void *argument)
{
	judge_here(argument != NULL);
}

static struct raw_thread raw;

static int run_raw(int times, void (*function)(void *))
{
	if (!prepare_raw(&raw))
		return 0;
	for (int i = 0; i < times; i++) {
		if (start_raw(&raw, function, i % LOOK_AROUND == 0 ? &raw : NULL) < 0)
			break;
		raw_wait_for_end(&raw.alive);
	}
	return times;
}

int run_raw_shortly(int times)
{
	return run_raw(times, raw_start_shortly);
}

int way_clone3(void)
{
	return run_raw(3, raw_start);
}

int way_clone(void)
{
	if (!prepare_raw(&raw))
		return 0;
	for (int i = 0; i < 3; i++) {
		raw.alive = 1;
		if (raw_clone(RAW_FLAGS, raw.stack + STACK_BYTES, raw.pointer, &raw.alive, raw_start, NULL) < 0)
			break;
		raw_wait_for_end(&raw.alive);
	}
	return 3;
}

/* Creates a process that shares the memory and the thread data of this thread, while this thread continues. */
int way_borrowed(void)
{
	long id;

	if (!prepare_raw(&raw))
		return 0;
	id = raw_clone(RAW_CLONE_VM | SIGCHLD, raw.stack + STACK_BYTES, NULL, NULL, raw_start_shortly, NULL);
	if (id > 0)
		(void)RAW4(__NR_wait4, id, NULL, 0, NULL);
	return 1;
}

static volatile bool came, at_first_instruction;
static int found;

static void judge_in_handler(int number, siginfo_t *info, void *context)
{
	int faults = judge(&place, true);
	const ucontext_t *interrupted = context;

	(void)number;
	(void)info;
	at_first_instruction = interrupted->uc_mcontext.gregs[REG_RIP] == (greg_t)(uintptr_t)raw_clone3_first;
	found = faults;
	came = true;
}

static void wait_for_signal(void *argument)
{
	(void)argument;
	while (!came)
		(void)RAW3(__NR_sched_yield, 0, 0, 0);
}

static struct sigaction catch(void)
{
	struct sigaction action = {.sa_sigaction = judge_in_handler, .sa_flags = SA_SIGINFO}, before;

	came = at_first_instruction = false;
	sigaction(SIGUSR1, &action, &before);
	return before;
}

/*
 * The new thread must not run before its signal arrives, so it is bound to the CPU of its creator. With SCHED_FIFO the creator
 * keeps this CPU; without permission for SCHED_FIFO the creator seldom loses it. From the interrupted address, the handler
 * knows whether the signal came at the first instruction.
 */
int way_signal(void)
{
	struct sched_param urgent = {.sched_priority = 1}, usual = {.sched_priority = 0};
	struct sigaction before = catch();
	cpu_set_t all, one;

	if (!prepare_raw(&raw))
		return 0;
	sched_getaffinity(0, sizeof(all), &all);
	for (int i = 0; i < 2000 && !at_first_instruction; i++) {
		long id;

		CPU_ZERO(&one);
		CPU_SET(sched_getcpu(), &one);
		came = false;
		sched_setaffinity(0, sizeof(one), &one);
		sched_setscheduler(0, SCHED_FIFO, &urgent);
		id = start_raw(&raw, wait_for_signal, NULL);
		if (id > 0)
			(void)RAW3(__NR_tgkill, getpid(), id, SIGUSR1);
		sched_setscheduler(0, SCHED_OTHER, &usual);
		sched_setaffinity(0, sizeof(all), &all);
		if (id < 0)
			break;
		raw_wait_for_end(&raw.alive);
	}
	sigaction(SIGUSR1, &before, NULL);
	count_judged(found | (at_first_instruction ? 0 : MISSED));
	return 1;
}

/* A pending signal is delivered to the first thread that doesn't block the signal: the new thread. */
int way_signal_pthread(void)
{
#ifdef __GLIBC__
	struct sigaction before = catch();
	sigset_t blocked, none;
	pthread_attr_t attributes;
	pthread_t thread;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigemptyset(&none);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	kill(getpid(), SIGUSR1);
	pthread_attr_init(&attributes);
	pthread_attr_setsigmask_np(&attributes, &none);
	if (pthread_create(&thread, &attributes, judge_as_pthread, NULL) == 0)
		pthread_join(thread, NULL);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
	sigaction(SIGUSR1, &before, NULL);
	count_judged(came ? found : ENDED);
#endif
	return 2;
}
