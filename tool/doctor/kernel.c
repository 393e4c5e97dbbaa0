/* SPDX-License-Identifier: MIT */
/*
 * kernel.c - tests of `rseqkit doctor`. They find what this kernel does to registered threads: which events abort their sections,
 * when it writes the CPU ids of their areas, and whether it grants time slice extensions.
 *
 * Each test runs in a child, as in probes.c, and causes the event itself. A registration of full size is tested separately only
 * if it differs from the registration in force.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "probe.h"

#define SLEEPS 2
#define SLEEP_NS 1000000
#define TRIES 5              /* if this many children are killed at a sleep, the kernel rewrites the ids at every switch */
#define SPINS 100000         /* after this many looks at an unanswered request, the thread makes the request again */
#define SLICES 200           /* after this many preemptions without a granted extension, the answer is unknown */

/* From include/uapi/linux/prctl.h of kernel 7.0. */
#define PRCTL_RSEQ_SLICE_EXTENSION 79
#define PRCTL_RSEQ_SLICE_EXTENSION_GET 1
#define PRCTL_RSEQ_SLICE_EXTENSION_SET 2
#define PRCTL_RSEQ_SLICE_EXT_ENABLE 1

/* Starts a process that competes with the calling thread for its CPU, until the calling process ends. */
static void start_competitor(int out)
{
	pid_t self = getpid(), pid;

	if (!doctor_pin(doctor_cpu()))
		doctor_give_up(LACKS_CPU);
	pid = fork();
	if (pid < 0)
		doctor_give_up(LACKS_THREAD);
	if (pid > 0)
		return;
	close(out); /* the doctor waits until every process has closed this end of the pipe */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == self)
		continue;
	_exit(0);
}

struct kernel_probe {
	const struct rk_process_info *process;
	enum registration registration;
};

/* Sleeps. Returns false if the sleep failed, or if no time passed, because a filter made the system call return 0. */
static bool sleep_briefly(void)
{
	const struct timespec pause = {.tv_nsec = SLEEP_NS};
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	if (nanosleep(&pause, NULL) != 0)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (to.tv_sec - from.tv_sec) * 1000000000LL + to.tv_nsec - from.tv_nsec >= SLEEP_NS / 2;
}

/*
 * Sleeps while the area is read-only. If the kernel writes the ids at each switch, the write fails, and the kernel kills the
 * child. The child must not leave the CPU by a preemption: after a preemption in user mode some kernels write to the area even
 * in optimised mode. They write the word of the slice extension, and also the ids if all returns to user mode share one slow
 * path. A child that survives the sleeps moves to another CPU. At this move every kernel must write the ids, and so kills the
 * child. A child that also survives the move proves nothing.
 */
static int probe_ids(int out, const void *argument)
{
	const struct kernel_probe *probe = (const struct kernel_probe *)argument;
	volatile struct rk_area *area = doctor_area(out, probe->process, probe->registration);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int other = doctor_other_cpu(doctor_cpu());

	if (area == NULL)
		return 0;
	if (!doctor_pin(doctor_cpu()))
		doctor_give_up(LACKS_CPU);
	doctor_say(out, SAID_READY);
	if (mprotect((void *)((uintptr_t)area & ~(page - 1)), page, PROT_READ) != 0)
		doctor_give_up(LACKS_MEMORY);
	for (int i = 0; i < SLEEPS; i++)
		if (!sleep_briefly())
			doctor_give_up(LACKS_SLEEP);
	doctor_say(out, SAID_UNCHANGED);
	if (other == CPU_UNKNOWN || (other >= 0 && !doctor_pin(other)))
		doctor_give_up(LACKS_CPU);
	doctor_say(out, SAID_UNSURE);
	return 0;
}

static enum answer examine_ids(struct doctor_facts *facts, enum registration registration)
{
	struct kernel_probe probe = {&facts->process, registration};
	struct child_result result;

	/*
	 * If a child is killed, the kernel may have written another field than the ids. One child that survives the sleeps
	 * therefore proves that the ids aren't rewritten, but one killed child proves nothing.
	 */
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
		/* If the child also survives the move, there is only one CPU, or the child couldn't be moved. */
		return killed && strcmp(result.output, "ru") == 0 ? ANSWER_NO : ANSWER_UNKNOWN;
	}
	return ANSWER_YES;
}

/*
 * Requests an extension again and again, while a competitor wants the CPU. The kernel answers at a preemption: one store
 * clears the request and shows whether the extension is granted. A grant lasts for microseconds, so the loop reads both bytes
 * by one load, and reads them without a pause.
 */
static int try_slices(int out, volatile struct rk_area *area)
{
	union {
		uint8_t bytes[4]; /* the first two are the request and the grant */
		uint32_t word;
	} control, requested = {.bytes = {1, 0}};
	long last = doctor_preemptions() + SLICES;

	if (last < SLICES)
		doctor_give_up(LACKS_COUNT);
	start_competitor(out);
	while (doctor_preemptions() < last) {
		control = requested;
		area->slice_ctrl = requested.word;
		for (int spin = 0; spin < SPINS; spin++) {
			control.word = area->slice_ctrl;
			if (control.word != requested.word)
				break;
		}
		if (control.bytes[1] != 0)
			return SAID_WORKS;
	}
	return SAID_UNSURE; /* on a slow machine each grant may have expired before the thread read it */
}

static int ask_slice(int request, int argument)
{
	int r = prctl(PRCTL_RSEQ_SLICE_EXTENSION, request, argument, 0, 0);

	return r < 0 ? -errno : r;
}

#define NOT_SUPPORTED 524 /* ENOTSUPP of the kernel, which was built without slice extensions */

/*
 * Concludes from the result of PRCTL_RSEQ_SLICE_EXTENSION_GET whether the kernel has this request of prctl(). ENOTSUPP and ENXIO
 * mean that it has the request, and EINVAL that it hasn't. Any other error comes from a seccomp filter.
 */
static int has_request(int answer)
{
	return answer >= 0 || answer == -NOT_SUPPORTED || answer == -ENXIO ? SAID_WORKS :
	       answer == -EINVAL					    ? SAID_NOT :
									      SAID_UNSURE;
}

/*
 * Writes a letter each for three answers: does the kernel have the request, can the extension be enabled, and does the kernel
 * grant time? After a call has enabled the extension, the kernel must return this setting. If it doesn't, a seccomp filter has
 * made the call return 0.
 */
static int probe_slice(int out, const void *argument)
{
	const struct kernel_probe *probe = (const struct kernel_probe *)argument;
	volatile struct rk_area *area = doctor_area(out, probe->process, probe->registration);
	int before, set;
	bool honest;

	if (area == NULL)
		return 0;
	before = ask_slice(PRCTL_RSEQ_SLICE_EXTENSION_GET, 0);
	set = ask_slice(PRCTL_RSEQ_SLICE_EXTENSION_SET, PRCTL_RSEQ_SLICE_EXT_ENABLE);
	honest = set != 0 || ask_slice(PRCTL_RSEQ_SLICE_EXTENSION_GET, 0) == PRCTL_RSEQ_SLICE_EXT_ENABLE;
	doctor_say(out, honest ? has_request(before) : SAID_UNSURE);
	doctor_say(out, !honest ? SAID_UNSURE : set == 0 ? SAID_WORKS : SAID_NOT);
	doctor_say(out, !honest ? SAID_UNSURE : set == 0 ? try_slices(out, area) : SAID_NOT);
	return 0;
}

static void examine_slice(struct doctor_facts *facts, enum registration registration, struct doctor_slice *slice)
{
	struct kernel_probe probe = {&facts->process, registration};
	struct child_result result;

	/*
	 * The letters are used even if the probe fails, because on a busy CPU its time limit can be too short for SLICES
	 * preemptions.
	 */
	(void)doctor_probe(facts, "slice extension", probe_slice, &probe, &result);
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
