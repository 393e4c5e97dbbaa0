/* SPDX-License-Identifier: MIT */
/*
 * probe.h - what the doctor's probes share: how a child says what it saw, and which area it looks at.
 *
 * A probe says one letter for each thing it tells, so that what it said before it died is known.
 */
#ifndef RK_TOOL_DOCTOR_PROBE_H
#define RK_TOOL_DOCTOR_PROBE_H

#include "common/child.h"
#include "doctor.h"

enum {
	SAID_READY = 'r',
	SAID_REWRITTEN = 'w',
	SAID_UNCHANGED = 'u',
	SAID_REFUSED = 'x',
	SAID_WORKS = 'y',
	SAID_NOT = 'n',
	SAID_UNSURE = '?'
};

/* In a child. */
void doctor_say(int out, int letter);

/* What a probe may lack; how it exits then, so that it counts as one that couldn't be made. */
enum lack { LACKS_NOTHING, LACKS_MEMORY = 100, LACKS_THREAD, LACKS_CPU };

/* In a child: ends it. What it said before counts. */
_Noreturn void doctor_give_up(enum lack lack);

/* What a letter means as an answer. */
enum answer doctor_said(int letter);

/* Which registration a probe looks at. */
enum registration {
	REGISTRATION_PRESENT, /* as inherited */
	REGISTRATION_ALIKE,   /* on a page of its own, of the length in force */
	REGISTRATION_FULL     /* on a page of its own, of all that the kernel announces */
};

/*
 * In a child: the area of such a registration of the calling thread, on behalf of the process's facts. Says why and
 * returns NULL where there is none to be had.
 */
volatile struct rk_area *doctor_area(int out, const struct rk_process_info *process, enum registration registration);

/* Bytes of a full registration. */
uint32_t doctor_full_length(const struct rk_process_info *process);

/* Runs a probe in a child. Returns false, and remembers it, where it couldn't be made. */
bool doctor_probe(struct doctor_facts *facts, const char *what, child_function *function, const void *argument,
		  struct child_result *result);

/* Remembers that a probe couldn't be made, and how it ended instead. */
void doctor_note_failure(struct doctor_facts *facts, const char *what, const struct child_result *result);

/* How long a probe may take: most take a few milliseconds, but the machine may be slow. */
#define PROBE_LIMIT_MS 6000

/* Confines the calling thread to one CPU. */
bool doctor_pin(int cpu);

/* The CPU of the calling thread, by the kernel's word, not the area's. */
int doctor_cpu(void);

/* The lowest CPU but `cpu` that the calling thread may run on. */
enum { CPU_NONE = -1, CPU_UNKNOWN = -2 };
int doctor_other_cpu(int cpu);

/* How often the calling thread was preempted. */
long doctor_preemptions(void);

/* aborts.c: what aborts a section, in the registration in force or a full one. */
void doctor_examine_aborts(struct doctor_facts *facts, enum registration registration, enum answer aborts[EVENTS]);

/* kernel.c */
void doctor_examine_kernel(struct doctor_facts *facts);

#endif /* RK_TOOL_DOCTOR_PROBE_H */
