/* SPDX-License-Identifier: MIT */
/* probe.c - functions that the doctor's probes share, see probe.h. */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RSEQ_UNREGISTER 1 /* from include/uapi/linux/rseq.h */

void doctor_say(int out, int letter)
{
	char c = (char)letter;

	/* If the write fails, the doctor's answer stays unknown. */
	(void)!write(out, &c, 1);
}

_Noreturn void doctor_give_up(enum lack lack)
{
	_exit((int)lack);
}

long doctor_number_of_rseq(void)
{
	long complement = ~(long)SYS_rseq;

	__asm__("" : "+r"(complement));
	return ~complement;
}

static long rseq(volatile void *area, uint32_t length, int flags)
{
	return syscall(doctor_number_of_rseq(), area, length, flags, RK_SIGNATURE) == 0 ? 0 : -errno;
}

uint32_t doctor_full_length(const struct rk_process_info *process)
{
	return process->feature_size > RK_AREA_LENGTH_ORIGINAL ? process->feature_size : RK_AREA_LENGTH_ORIGINAL;
}

volatile struct rk_area *doctor_area(int out, const struct rk_process_info *process, enum registration registration)
{
	uint32_t length = registration == REGISTRATION_FULL ? doctor_full_length(process) : process->length;
	volatile struct rk_area *present = (volatile struct rk_area *)(uintptr_t)rk_thread_area(), *area;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *room;

	if (registration == REGISTRATION_PRESENT && present != NULL)
		return present;
	room = (char *)mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED)
		doctor_give_up(LACKS_MEMORY);
	if (present == NULL || process->alignment + length > page ||
	    rseq(present, process->length, RSEQ_UNREGISTER) != 0) {
		doctor_say(out, SAID_UNSURE);
		return NULL;
	}
	/* The address is a multiple of the alignment that the kernel announces, and of no greater power of two. */
	area = (volatile struct rk_area *)(void *)(room + process->alignment);
	*(volatile uint32_t *)(uintptr_t)&area->cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED; /* not registered yet */
	if (rseq(area, length, 0) == 0)
		return area;
	doctor_say(out, SAID_REFUSED);
	return NULL;
}

int doctor_cpu(void)
{
	unsigned cpu = 0;

	(void)syscall(SYS_getcpu, &cpu, NULL, NULL);
	return (int)cpu;
}

bool doctor_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0 && doctor_cpu() == cpu;
}

int doctor_other_cpu(int cpu)
{
	cpu_set_t allowed;

	CPU_ZERO(&allowed);
	/* A set that lacks the CPU on which this thread runs can't be right. */
	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || !CPU_ISSET(cpu, &allowed))
		return CPU_UNKNOWN;
	for (int other = 0; other < CPU_SETSIZE; other++)
		if (other != cpu && CPU_ISSET(other, &allowed))
			return other;
	return CPU_NONE;
}

long doctor_preemptions(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : -1;
}

/* Does the list have an entry for this probe? Entries look like "NAME (END)" and are separated by commas. */
static bool is_noted(const struct doctor_facts *facts, const char *what)
{
	char list[sizeof(facts->failed_probes) + 2], entry[64];

	snprintf(list, sizeof(list), ", %s", facts->failed_probes);
	snprintf(entry, sizeof(entry), ", %s (", what);
	return strstr(list, entry) != NULL;
}

void doctor_note_failure(struct doctor_facts *facts, const char *what, const struct child_result *result)
{
	static const char *const lacks[] = {"no memory", "no thread", "no choice of CPUs", "no sleep", "no timer",
					   "no count of preemptions", "no path of this program"};
	size_t used = strlen(facts->failed_probes), room = sizeof(facts->failed_probes) - used;
	char *end = facts->failed_probes + used;
	const char *comma = used > 0 ? ", " : "";

	if (is_noted(facts, what)) /* the same probe has failed before, with another registration */
		return;
	switch (result->end) {
	case CHILD_NOT_RUN:
		facts->start_error = result->number;
		snprintf(end, room, "%s%s (not started)", comma, what);
		break;
	case CHILD_TIMED_OUT:
		snprintf(end, room, "%s%s (timed out)", comma, what);
		break;
	case CHILD_KILLED:
		snprintf(end, room, "%s%s (signal %d)", comma, what, result->number);
		break;
	case CHILD_LOST:
		snprintf(end, room, "%s%s (unknown end)", comma, what);
		break;
	default:
		if (child_succeeded(result))
			snprintf(end, room, "%s%s (no answer)", comma, what);
		else if (result->number >= LACKS_MEMORY && result->number <= LACKS_LAST)
			snprintf(end, room, "%s%s (%s)", comma, what, lacks[result->number - LACKS_MEMORY]);
		else
			snprintf(end, room, "%s%s (status %d)", comma, what, result->number);
	}
}

bool doctor_probe(struct doctor_facts *facts, const char *what, child_function *function, const void *argument,
		  struct child_result *result)
{
	child_run(function, argument, PROBE_LIMIT_MS, result);
	if (child_succeeded(result))
		return true;
	doctor_note_failure(facts, what, result);
	return false;
}

enum answer doctor_said(int letter)
{
	return letter == SAID_WORKS                           ? ANSWER_YES
	       : letter == SAID_NOT || letter == SAID_REFUSED ? ANSWER_NO
							      : ANSWER_UNKNOWN;
}
