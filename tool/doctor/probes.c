/* SPDX-License-Identifier: MIT */
/*
 * probes.c - establishes the doctor's facts by tests.
 *
 * A test that can die, hang, or change a registration runs in a forked child with a time limit. The child inherits the
 * registration of its parent, so the results are also right for ordinary programs. A test of the full size first replaces this
 * registration by one with all bytes that the kernel announces.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <rseqkit/percpu.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "common/self.h"
#include "probe.h"

/* From include/uapi/linux/membarrier.h of kernel 5.10. */
#define MEMBARRIER_RSEQ (1 << 7)
#define MEMBARRIER_REGISTER_RSEQ (1 << 8)
#define MEMBARRIER_ONE_CPU 1

static void ignore_signal(int number)
{
	(void)number;
}

/*
 * Causes the events after which a kernel can write to the area: a sleep, a handled signal, and migrations to other CPUs.
 * Returns how often the thread could be moved to a CPU.
 */
static int provoke_update(const cpu_set_t *allowed)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int moves = 0;

	nanosleep(&pause, NULL);
	signal(SIGUSR1, ignore_signal);
	raise(SIGUSR1);
	for (int cpu = 0; cpu < CPU_SETSIZE && moves < 4; cpu++)
		if (CPU_ISSET(cpu, allowed))
			moves += doctor_pin(cpu);
	return moves;
}

struct field_probe {
	const struct rk_process_info *process;
	size_t offset; /* offset of the field in struct rseq */
	enum registration registration;
};

/*
 * Overwrites a field that belongs to the kernel. In legacy mode the kernel rewrites the field when it next switches to the
 * thread. If the kernel guards the field, it kills the child. A field that the kernel doesn't know keeps the wrong value. All
 * events also happen once before the overwriting, so if the child dies afterwards, only the overwriting can be the cause.
 */
static int probe_field(int out, const void *argument)
{
	const struct field_probe *probe = (const struct field_probe *)argument;
	volatile struct rk_area *area = doctor_area(out, probe->process, probe->registration);
	volatile uint32_t *field;
	cpu_set_t allowed;
	uint32_t spoilt;
	int moves;

	if (area == NULL)
		return 0;
	CPU_ZERO(&allowed);
	(void)sched_getaffinity(0, sizeof(allowed), &allowed);
	field = (volatile uint32_t *)((volatile char *)area + probe->offset);
	(void)provoke_update(&allowed);
	doctor_say(out, SAID_READY);
	spoilt = *field ^ 0x2a5a5a5a;
	*field = spoilt;
	moves = provoke_update(&allowed);
	doctor_say(out, *field == spoilt ? SAID_UNCHANGED : SAID_REWRITTEN);
	/*
	 * If the thread couldn't be moved, an unchanged CPU id proves nothing. The other fields need no such check, because
	 * is_kept() also uses the mode, which follows from the CPU id.
	 */
	if (*field == spoilt && moves == 0 && probe->offset == offsetof(struct rk_area, cpu_id_start))
		doctor_give_up(LACKS_CPU);
	return 0;
}

/*
 * In an unregistered thread, the rseq system call sets this errno if it works and the area's address can't be user memory.
 * src/os/kernel.h explains the errno of 32-bit processes.
 */
#define ANSWER_TO_NO_MEMORY (sizeof(void *) == 8 ? EFAULT : EINVAL)

static int try_system_call(void)
{
	long r = syscall(doctor_number_of_rseq(), sizeof(void *) == 8 ? -(uintptr_t)4096 : 0, RK_AREA_LENGTH_ORIGINAL, 0, RK_SIGNATURE);

	return r == 0 ? 0 : errno;
}

/* Calls rseq in a vfork child. Such a child shares its parent's memory, and the kernel starts it without a registration. */
static int probe_system_call(int out, const void *argument)
{
	volatile int error = -1;
	pid_t pid = vfork();

	(void)argument;
	if (pid == 0) {
		error = try_system_call();
		_exit(0);
	}
	/*
	 * There is no result if an emulator ran vfork() as fork(), or if a filter refused vfork(). In both cases, this process
	 * itself makes the call.
	 */
	dprintf(out, "%d", error >= 0 ? error : try_system_call());
	return 0;
}

static int probe_membarrier(int out, const void *argument)
{
	int cpu = sched_getcpu();

	(void)argument;
	if (syscall(SYS_membarrier, MEMBARRIER_REGISTER_RSEQ, 0, 0) != 0) {
		doctor_say(out, SAID_NOT);
		doctor_say(out, SAID_NOT);
		return 0;
	}
	doctor_say(out, syscall(SYS_membarrier, MEMBARRIER_RSEQ, 0, 0) == 0 ? SAID_WORKS : SAID_NOT);
	doctor_say(out, syscall(SYS_membarrier, MEMBARRIER_RSEQ, MEMBARRIER_ONE_CPU, cpu) == 0 ? SAID_WORKS : SAID_NOT);
	return 0;
}

static void *end_at_once(void *argument)
{
	return argument;
}

/* Creates a thread. If the C library then aborts, its message goes to /dev/null. */
static int probe_thread(int out, const void *argument)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	pthread_t thread;

	(void)argument;
	if (null >= 0)
		(void)dup2(null, STDERR_FILENO);
	doctor_say(out, SAID_READY);
	if (pthread_create(&thread, NULL, end_at_once, NULL) != 0)
		doctor_give_up(LACKS_THREAD);
	pthread_join(thread, NULL);
	return 0;
}

/* Starts this program again in the same environment. The output of preloaded libraries goes to /dev/null. */
static int probe_fresh(int out, const void *argument)
{
	char command[] = "doctor", option[sizeof(DOCTOR_FRESH_OPTION) + 11];
	char *arguments[SELF_ARGUMENTS + 3];
	size_t count = self_arguments(arguments);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)argument;
	if (count == 0)
		doctor_give_up(LACKS_PATH);
	(void)fcntl(out, F_SETFD, 0);
	snprintf(option, sizeof(option), DOCTOR_FRESH_OPTION "%d", out);
	arguments[count] = command;
	arguments[count + 1] = option;
	arguments[count + 2] = NULL;
	return child_exec(null >= 0 ? null : out, arguments);
}

/*
 * The result of overwriting a field. FATE_REFUSED: the kernel refused the registration. FATE_UNCHANGED: the field kept the wrong
 * value. FATE_REWRITTEN: the kernel rewrote the field. FATE_KILLED: the kernel killed the child.
 */
enum field_fate { FATE_UNKNOWN, FATE_REFUSED, FATE_UNCHANGED, FATE_REWRITTEN, FATE_KILLED };

static enum field_fate try_field(struct doctor_facts *facts, const char *what, size_t offset,
				   enum registration registration)
{
	struct field_probe probe = {&facts->process, offset, registration};
	struct child_result result;

	child_run(probe_field, &probe, PROBE_LIMIT_MS, &result);
	/*
	 * On a machine with one CPU, only a preemption makes the kernel check the CPU id. This preemption may come only after
	 * the child has written its last letter.
	 */
	if (result.end == CHILD_KILLED && result.number == SIGSEGV &&
	    (strcmp(result.output, "r") == 0 || strcmp(result.output, "ru") == 0))
		return FATE_KILLED;
	if (!child_succeeded(&result))
		doctor_note_failure(facts, what, &result);
	if (result.end != CHILD_EXITED || (result.number != 0 && result.number != LACKS_CPU))
		return FATE_UNKNOWN;
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

/*
 * Derives the mode. If the kernel guards the CPU ids, this alone doesn't prove the optimised mode, because a kernel with
 * rseq_debug guards the ids in legacy mode, too.
 */
static enum doctor_mode mode_of(const struct doctor_behaviour *behaviour)
{
	if (behaviour->ids_rewritten == ANSWER_YES || behaviour->ids_guarded == ANSWER_NO)
		return MODE_LEGACY;
	return behaviour->ids_rewritten == ANSWER_NO && behaviour->ids_guarded == ANSWER_YES ? MODE_OPTIMISED
											      : MODE_UNKNOWN;
}

static enum answer is_guarded(enum field_fate fate)
{
	return fate == FATE_KILLED ? ANSWER_YES : fate == FATE_REWRITTEN ? ANSWER_NO : ANSWER_UNKNOWN;
}

/*
 * Does the kernel keep the field up to date? It does if it rewrites or guards the field. If the field keeps the wrong value in
 * legacy mode, the kernel doesn't know the field.
 */
static enum answer is_kept(enum field_fate fate, enum doctor_mode mode)
{
	if (fate == FATE_REWRITTEN || fate == FATE_KILLED)
		return ANSWER_YES;
	return fate == FATE_UNCHANGED && mode == MODE_LEGACY ? ANSWER_NO : ANSWER_UNKNOWN;
}

/*
 * Finds the mode of the registration in force, and the mode of a full registration. An accepted length alone doesn't prove a
 * mode.
 */
static void examine_modes(struct doctor_facts *facts)
{
	const size_t id = offsetof(struct rk_area, cpu_id_start);
	enum field_fate present = try_field(facts, "mode", id, REGISTRATION_PRESENT);
	enum field_fate full = try_field(facts, "optimised mode", id, REGISTRATION_FULL);
	enum doctor_mode mode;

	if (full != FATE_UNKNOWN)
		facts->full_accepted = full == FATE_REFUSED ? ANSWER_NO : ANSWER_YES;
	doctor_examine_kernel(facts);
	facts->present.ids_guarded = is_guarded(present);
	facts->full.ids_guarded = is_guarded(full);
	facts->mode = mode_of(&facts->present);
	mode = mode_of(&facts->full);
	if (full == FATE_REFUSED || mode != MODE_UNKNOWN)
		facts->optimised = mode == MODE_OPTIMISED ? ANSWER_YES : ANSWER_NO;
}

static void examine_registration(struct doctor_facts *facts)
{
	examine_modes(facts);
	facts->node_id = is_kept(try_field(facts, "node_id", offsetof(struct rk_area, node_id), REGISTRATION_PRESENT),
				 facts->mode);
	facts->mm_cid = is_kept(try_field(facts, "mm_cid", offsetof(struct rk_area, mm_cid), REGISTRATION_PRESENT),
				facts->mode);
}

/* If the probe fails in another way, the answer stays unknown. Other probes need threads too, and report such a failure. */
static void examine_threads(struct doctor_facts *facts)
{
	struct child_result result;

	child_run(probe_thread, NULL, PROBE_LIMIT_MS, &result);
	if (child_succeeded(&result))
		facts->threads_live = ANSWER_YES;
	else if (result.end == CHILD_KILLED && result.number == SIGABRT && result.output[0] == SAID_READY)
		facts->threads_live = ANSWER_NO;
}

/* Starts a fresh process, and stores its owner. */
static void examine_fresh(struct doctor_facts *facts)
{
	struct child_result result;
	const char *answer;

	if (!doctor_probe(facts, "fresh process", probe_fresh, NULL, &result))
		return;
	answer = strstr(result.output, DOCTOR_FRESH_ANSWER);
	/* Without the line's end the answer isn't whole, because other output took the place. */
	if (answer != NULL && strchr(answer, '\n') != NULL)
		(void)sscanf(answer + strlen(DOCTOR_FRESH_ANSWER), "%15[a-z]", facts->fresh_owner);
	else
		doctor_note_failure(facts, "fresh process", &result);
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
	char path[PATH_MAX];

	*facts = (struct doctor_facts){.rseq_error = -1};
	(void)rk_process_init();
	(void)rk_process_query(&facts->process, sizeof(facts->process));
	facts->owner = rk_thread_owner();
	facts->reason = rk_thread_reason();
	facts->slice_reason = rk_slice_thread_reason();
	facts->possible_cpus = rk_cpus_count();
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		facts->highest_cpu = cpu;
	examine_libc(facts);
	(void)uname(&facts->kernel);
	if (doctor_probe(facts, "membarrier", probe_membarrier, NULL, &result)) {
		facts->membarrier = doctor_said(result.output[0]);
		facts->membarrier_cpu = doctor_said(result.output[1]);
	}
	if (facts->reason == RK_REASON_NONE) {
		facts->rseq_error = 0;
		examine_threads(facts);
		examine_registration(facts);
	} else if (doctor_probe(facts, "system call", probe_system_call, NULL, &result)) {
		facts->rseq_error = atoi(result.output);
		if (facts->rseq_error == ANSWER_TO_NO_MEMORY)
			facts->rseq_error = 0;
	}
	/* Without /proc and without the path of this program, the finding no-proc says enough. */
	if (self_path(path) || self_has_proc())
		examine_fresh(facts);
	doctor_look_around(facts);
}
