/* SPDX-License-Identifier: MIT */
/*
 * doctor_probes.c - the doctor's facts, each by trying it.
 *
 * Whatever may kill, hang, or change a registration runs in a forked child with a time limit. The child inherits the
 * registration of its parent, so what it sees is what programs here get; "full" probes first replace it by one with all
 * that the kernel announces.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/membarrier.h>
#include <rseqkit/percpu.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "child.h"
#include "doctor.h"

#define PROBE_LIMIT 3000 /* ms; each takes a few */

/* Of include/uapi/linux: prctl.h of kernel 7.0, rseq.h, membarrier.h of 5.10. */
#define PRCTL_RSEQ_SLICE_EXTENSION 79
#define PRCTL_RSEQ_SLICE_EXTENSION_SET 2
#define PRCTL_RSEQ_SLICE_EXT_ENABLE 1
#define RSEQ_UNREGISTER 1
#define MEMBARRIER_RSEQ (1 << 7)
#define MEMBARRIER_REGISTER_RSEQ (1 << 8)
#define MEMBARRIER_ONE_CPU 1

/* What a child says, one letter after the other. */
enum {
	SAID_READY = 'r',
	SAID_REWRITTEN = 'w',
	SAID_UNCHANGED = 'u',
	SAID_REFUSED = 'x',
	SAID_WORKS = 'y',
	SAID_NOT = 'n',
	SAID_UNSURE = '?'
};

static void say(int out, int letter)
{
	char c = (char)letter;

	/* A parent that misses it knows no more than before. */
	(void)!write(out, &c, 1);
}

static long rseq(volatile void *area, uint32_t length, int flags)
{
	return syscall(SYS_rseq, area, length, flags, RK_SIGNATURE) == 0 ? 0 : -errno;
}

/* The area that a probe looks at; with `full`, one of all that the kernel announces takes the registration's place. */
static volatile struct rk_area *area_for(int out, const struct rk_process_info *process, bool full)
{
	static unsigned char room[4096] __attribute__((__aligned__(4096)));
	volatile struct rk_area *present = (volatile struct rk_area *)(uintptr_t)rk_thread_area();
	volatile struct rk_area *area = (volatile struct rk_area *)(void *)room;
	/* Means optimised mode on any kernel that knows it, and is no less than what this one announces. */
	uint32_t length = process->feature_size > 2 * RK_AREA_LENGTH_ORIGINAL ? process->feature_size
									      : 2 * RK_AREA_LENGTH_ORIGINAL;

	if (!full && present != NULL)
		return present;
	if (length > sizeof(room) || present == NULL || rseq(present, process->length, RSEQ_UNREGISTER) != 0) {
		say(out, SAID_UNSURE);
		return NULL;
	}
	*(volatile uint32_t *)(void *)(room + offsetof(struct rk_area, cpu_id)) = (uint32_t)RK_CPU_ID_UNINITIALIZED;
	if (rseq(area, length, 0) == 0)
		return area;
	say(out, SAID_REFUSED);
	return NULL;
}

static void ignore_signal(int number)
{
	(void)number;
}

/* Everything after which a kernel may look at the area: sleep, a handled signal, migration to other CPUs. */
static void provoke_update(const cpu_set_t *allowed)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	cpu_set_t one;

	nanosleep(&pause, NULL);
	signal(SIGUSR1, ignore_signal);
	raise(SIGUSR1);
	for (int cpu = 0, moves = 0; cpu < CPU_SETSIZE && moves < 4; cpu++) {
		if (!CPU_ISSET(cpu, allowed))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		moves += sched_setaffinity(0, sizeof(one), &one) == 0;
	}
}

struct field_probe {
	const struct rk_process_info *process;
	size_t offset; /* of the field */
	bool full;
};

/*
 * Spoils a field that is the kernel's. In legacy mode the kernel rewrites it at the next preemption, in optimised mode
 * it kills, and a field that it doesn't know stays spoilt. First the same without the spoiling, so that a death means
 * what it seems to.
 */
static int probe_field(int out, const void *argument)
{
	const struct field_probe *probe = (const struct field_probe *)argument;
	volatile struct rk_area *area = area_for(out, probe->process, probe->full);
	volatile uint32_t *field;
	cpu_set_t allowed;
	uint32_t spoilt;

	if (area == NULL)
		return 0;
	CPU_ZERO(&allowed);
	(void)sched_getaffinity(0, sizeof(allowed), &allowed);
	field = (volatile uint32_t *)((volatile char *)area + probe->offset);
	provoke_update(&allowed);
	say(out, SAID_READY);
	spoilt = *field ^ 0x2a5a5a5a;
	*field = spoilt;
	provoke_update(&allowed);
	say(out, *field == spoilt ? SAID_UNCHANGED : SAID_REWRITTEN);
	return 0;
}

/* Unregistered, the system call's answer to an address that is never user memory is EFAULT. */
static int probe_system_call(int out, const void *argument)
{
	long r = rseq((volatile void *)-(uintptr_t)4096, RK_AREA_LENGTH_ORIGINAL, 0);

	(void)argument;
	dprintf(out, "%ld", -r);
	return 0;
}

static int probe_slice(int out, const void *argument)
{
	const struct field_probe *probe = (const struct field_probe *)argument;

	if (area_for(out, probe->process, probe->full) != NULL)
		say(out, prctl(PRCTL_RSEQ_SLICE_EXTENSION, PRCTL_RSEQ_SLICE_EXTENSION_SET, PRCTL_RSEQ_SLICE_EXT_ENABLE,
			       0, 0) == 0
				 ? SAID_WORKS
				 : SAID_NOT);
	return 0;
}

static int probe_membarrier(int out, const void *argument)
{
	int cpu = sched_getcpu();

	(void)argument;
	if (syscall(SYS_membarrier, MEMBARRIER_REGISTER_RSEQ, 0, 0) != 0) {
		say(out, SAID_NOT);
		say(out, SAID_NOT);
		return 0;
	}
	say(out, syscall(SYS_membarrier, MEMBARRIER_RSEQ, 0, 0) == 0 ? SAID_WORKS : SAID_NOT);
	say(out, syscall(SYS_membarrier, MEMBARRIER_RSEQ, MEMBARRIER_ONE_CPU, cpu) == 0 ? SAID_WORKS : SAID_NOT);
	return 0;
}

/* Starts this program anew, in the same environment. */
static int probe_fresh(int out, const void *argument)
{
	char path[4096], command[] = "doctor", option[] = DOCTOR_FRESH_OPTION;
	char *arguments[] = {path, command, option, NULL};
	ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);

	(void)argument;
	if (size <= 0)
		return CHILD_NO_EXEC;
	path[size] = '\0';
	return child_exec(out, arguments);
}

/* Remembers a probe that couldn't be made. */
static void note_failure(struct doctor_facts *facts, const char *what)
{
	size_t used = strlen(facts->failed_probes);

	snprintf(facts->failed_probes + used, sizeof(facts->failed_probes) - used, "%s%s", used > 0 ? ", " : "", what);
}

/* Runs a probe; false if it couldn't be made. */
static bool run_probe(struct doctor_facts *facts, const char *what, child_function *function, const void *argument,
		      struct child_result *result)
{
	child_run(function, argument, PROBE_LIMIT, result);
	if (child_succeeded(result))
		return true;
	note_failure(facts, what);
	return false;
}

static enum answer said(int letter)
{
	return letter == SAID_WORKS                           ? ANSWER_YES
	       : letter == SAID_NOT || letter == SAID_REFUSED ? ANSWER_NO
							      : ANSWER_UNKNOWN;
}

enum field_fate { FATE_UNKNOWN, FATE_REFUSED, FATE_UNCHANGED, FATE_REWRITTEN, FATE_KILLED };

static enum field_fate try_field(struct doctor_facts *facts, const char *what, size_t offset, bool full)
{
	struct field_probe probe = {&facts->process, offset, full};
	struct child_result result;

	child_run(probe_field, &probe, PROBE_LIMIT, &result);
	if (result.end == CHILD_KILLED && result.number == SIGSEGV && strcmp(result.output, "r") == 0)
		return FATE_KILLED;
	if (!child_succeeded(&result)) {
		note_failure(facts, what);
		return FATE_UNKNOWN;
	}
	switch (result.output[result.size > 0 ? result.size - 1 : 0]) {
	case SAID_REFUSED:
		return FATE_REFUSED;
	case SAID_UNCHANGED:
		return FATE_UNCHANGED;
	case SAID_REWRITTEN:
		return FATE_REWRITTEN;
	default:
		return FATE_UNKNOWN;
	}
}

static enum doctor_mode mode_of(enum field_fate fate)
{
	return fate == FATE_REWRITTEN ? MODE_LEGACY : fate == FATE_KILLED ? MODE_OPTIMISED : MODE_UNKNOWN;
}

/* A kernel that rewrites or guards a field keeps it; one that stays spoilt where others are rewritten isn't known. */
static enum answer is_kept(enum field_fate fate, enum doctor_mode mode)
{
	if (fate == FATE_REWRITTEN || fate == FATE_KILLED)
		return ANSWER_YES;
	return fate == FATE_UNCHANGED && mode == MODE_LEGACY ? ANSWER_NO : ANSWER_UNKNOWN;
}

static void examine_registration(struct doctor_facts *facts)
{
	struct field_probe present = {&facts->process, 0, false}, full = {&facts->process, 0, true};
	struct child_result result;
	enum field_fate fate;

	facts->mode = mode_of(try_field(facts, "mode", offsetof(struct rk_area, cpu_id_start), false));
	facts->node_id = is_kept(try_field(facts, "node_id", offsetof(struct rk_area, node_id), false), facts->mode);
	facts->mm_cid = is_kept(try_field(facts, "mm_cid", offsetof(struct rk_area, mm_cid), false), facts->mode);
	fate = try_field(facts, "optimised mode", offsetof(struct rk_area, cpu_id_start), true);
	if (fate == FATE_REFUSED || mode_of(fate) != MODE_UNKNOWN)
		facts->optimised = mode_of(fate) == MODE_OPTIMISED ? ANSWER_YES : ANSWER_NO;
	if (run_probe(facts, "slice extension", probe_slice, &present, &result))
		facts->slice = said(result.output[0]);
	if (run_probe(facts, "slice extension in full", probe_slice, &full, &result))
		facts->slice_full = said(result.output[0]);
}

static void examine_libc(struct doctor_facts *facts)
{
#ifdef __GLIBC__
	facts->libc_name = "glibc";
	facts->libc_version = gnu_get_libc_version();
#else
	(void)facts;
#endif
}

void doctor_examine(struct doctor_facts *facts)
{
	struct child_result result;

	*facts = (struct doctor_facts){.rseq_error = -1};
	(void)rk_process_init();
	(void)rk_process_query(&facts->process, sizeof(facts->process));
	facts->owner = rk_thread_owner();
	facts->reason = rk_thread_reason();
	facts->possible_cpus = rk_cpus_count();
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		facts->highest_cpu = cpu;
	examine_libc(facts);
	if (facts->reason == RK_REASON_NONE) {
		facts->rseq_error = 0;
		examine_registration(facts);
	} else if (run_probe(facts, "system call", probe_system_call, NULL, &result)) {
		facts->rseq_error = atoi(result.output);
		if (facts->rseq_error == EFAULT || facts->rseq_error == EINVAL)
			facts->rseq_error = 0;
	}
	if (run_probe(facts, "membarrier", probe_membarrier, NULL, &result)) {
		facts->membarrier = said(result.output[0]);
		facts->membarrier_cpu = said(result.output[1]);
	}
	if (run_probe(facts, "fresh process", probe_fresh, NULL, &result))
		(void)sscanf(result.output, "%15[a-z]", facts->fresh_owner);
	doctor_look_around(facts);
}
