/* SPDX-License-Identifier: MIT */
/*
 * doctor_kernel.c - what this kernel does to registered threads: what aborts their sections, when it writes their ids,
 * and whether it lets them have a little more time.
 *
 * Everything is told by the event itself in a child, as in doctor_probes.c. A full registration is looked at apart only
 * where it is another than the one in force.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "doctor_probe.h"

#define PREEMPTIONS 2        /* that must have happened */
#define TRIES 3              /* children that are killed before the ids are said to be rewritten */
#define SLICES 100           /* preemptions without a grant, before there is said to be none */
#define SPINS 100000

/* Of include/uapi/linux/prctl.h of kernel 7.0, and its system call table, the same on every architecture. */
#define PRCTL_RSEQ_SLICE_EXTENSION 79
#define PRCTL_RSEQ_SLICE_EXTENSION_GET 1
#define PRCTL_RSEQ_SLICE_EXTENSION_SET 2
#define PRCTL_RSEQ_SLICE_EXT_ENABLE 1
#define SYSCALL_RSEQ_SLICE_YIELD 471

/* Another that wants the CPU of the thread that starts it, until the process ends. */
static void *compete(void *argument)
{
	for (;;)
		__asm__ __volatile__("" ::: "memory");
	return argument;
}

static bool start_competitor(void)
{
	pthread_t thread;

	return doctor_pin(doctor_cpu()) && pthread_create(&thread, NULL, compete, NULL) == 0;
}

static void wait_for_preemptions(long count)
{
	long last = doctor_preemptions() + count;

	while (doctor_preemptions() < last)
		continue;
}

struct kernel_probe {
	const struct rk_process_info *process;
	enum registration registration;
};

/*
 * Preempted on the same CPU while its area can't be written to: a kernel that writes the ids now kills. One that lived
 * through that goes to another CPU: now the kernel must write, or what was seen proves nothing.
 */
static int probe_ids(int out, const void *argument)
{
	const struct kernel_probe *probe = (const struct kernel_probe *)argument;
	volatile struct rk_area *area = doctor_area(out, probe->process, probe->registration);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int other = doctor_other_cpu(doctor_cpu());

	if (area == NULL)
		return 0;
	if (!start_competitor()) {
		doctor_say(out, SAID_UNSURE);
		return 0;
	}
	wait_for_preemptions(PREEMPTIONS);
	doctor_say(out, SAID_READY);
	if (mprotect((void *)((uintptr_t)area & ~(page - 1)), page, PROT_READ) != 0)
		return 0;
	wait_for_preemptions(PREEMPTIONS);
	doctor_say(out, SAID_UNCHANGED);
	if (other >= 0 && doctor_pin(other))
		doctor_say(out, SAID_UNSURE);
	return 0;
}

static enum answer examine_ids(struct doctor_facts *facts, enum registration registration)
{
	struct kernel_probe probe = {&facts->process, registration};
	struct child_result result;

	/* An id may also have changed at that moment: one child that lives is proof, one that is killed isn't. */
	for (int i = 0; i < TRIES; i++) {
		bool killed;

		child_run(probe_ids, &probe, PROBE_LIMIT_MS, &result);
		killed = result.end == CHILD_KILLED && result.number == SIGSEGV;
		if (killed && strcmp(result.output, "r") == 0)
			continue;
		if (!killed && !child_succeeded(&result)) {
			doctor_note_failure(facts, "ids", &result);
			return ANSWER_UNKNOWN;
		}
		/* With a single CPU nothing can be seen to change. */
		return strcmp(result.output, "ru") == 0 ? ANSWER_NO : ANSWER_UNKNOWN;
	}
	return ANSWER_YES;
}

/*
 * Asks for more time whenever it has none, while another wants the CPU. The kernel answers at a preemption, and what
 * was granted lasts for microseconds.
 */
static int try_slices(volatile struct rk_area *area)
{
	volatile uint8_t *request = (volatile uint8_t *)&area->slice_ctrl, *granted = request + 1;
	long last = doctor_preemptions() + SLICES;

	if (!start_competitor())
		return SAID_UNSURE;
	while (doctor_preemptions() < last) {
		*request = 1;
		for (int spin = 0; spin < SPINS && *request && !*granted; spin++)
			continue;
		/* It answers 1 where it ends what was granted. */
		if (*granted || syscall(SYSCALL_RSEQ_SLICE_YIELD) == 1)
			return SAID_WORKS;
	}
	return SAID_NOT;
}

/* Says whether the kernel has the request, whether it lets itself be enabled, and whether time is granted. */
static int probe_slice(int out, const void *argument)
{
	const struct kernel_probe *probe = (const struct kernel_probe *)argument;
	volatile struct rk_area *area = doctor_area(out, probe->process, probe->registration);
	int r;

	if (area == NULL)
		return 0;
	r = prctl(PRCTL_RSEQ_SLICE_EXTENSION, PRCTL_RSEQ_SLICE_EXTENSION_GET, 0, 0, 0);
	doctor_say(out, r < 0 && errno == EINVAL ? SAID_NOT : SAID_WORKS);
	r = prctl(PRCTL_RSEQ_SLICE_EXTENSION, PRCTL_RSEQ_SLICE_EXTENSION_SET, PRCTL_RSEQ_SLICE_EXT_ENABLE, 0, 0);
	doctor_say(out, r == 0 ? SAID_WORKS : SAID_NOT);
	doctor_say(out, r == 0 ? try_slices(area) : SAID_NOT);
	return 0;
}

static void examine_slice(struct doctor_facts *facts, enum registration registration, struct doctor_slice *slice)
{
	struct kernel_probe probe = {&facts->process, registration};
	struct child_result result;

	if (!doctor_probe(facts, "slice extension", probe_slice, &probe, &result))
		return;
	slice->known = doctor_said(result.output[0]);
	slice->enabled = doctor_said(result.output[1]);
	slice->granted = doctor_said(result.output[2]);
}

static void examine(struct doctor_facts *facts, bool full, struct doctor_behaviour *behaviour)
{
	behaviour->ids_rewritten = examine_ids(facts, full ? REGISTRATION_FULL : REGISTRATION_ALIKE);
	examine_slice(facts, full ? REGISTRATION_FULL : REGISTRATION_PRESENT, &behaviour->slice);
	doctor_examine_aborts(facts, full ? REGISTRATION_FULL : REGISTRATION_PRESENT, behaviour->aborts);
}

void doctor_examine_kernel(struct doctor_facts *facts)
{
	examine(facts, false, &facts->present);
	if (doctor_full_length(&facts->process) == facts->process.length)
		facts->full = facts->present;
	else if (facts->full_accepted == ANSWER_YES)
		examine(facts, true, &facts->full);
}
