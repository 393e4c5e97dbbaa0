/* SPDX-License-Identifier: MIT */
/*
 * probe.h - what the doctor's probes share: how a child reports its results, and which area it tests.
 *
 * A probe writes one letter for each result, so that the parent also gets the results of a probe that dies.
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

/* In a child: writes a letter. */
void doctor_say(int out, int letter);

/* Resources that a probe may lack. The value is also the exit status of such a probe, which counts as failed. */
enum lack { LACKS_NOTHING, LACKS_MEMORY = 100, LACKS_THREAD, LACKS_CPU };

/* In a child: ends the child. The letters that it has written count. */
_Noreturn void doctor_give_up(enum lack lack);

/* Converts a letter to an answer. */
enum answer doctor_said(int letter);

/* The registration that a probe tests. */
enum registration {
	REGISTRATION_PRESENT, /* as inherited */
	REGISTRATION_ALIKE,   /* on its own page, with the length in force */
	REGISTRATION_FULL     /* on its own page, with the full length that the kernel announces */
};

/*
 * In a child: makes such a registration of the calling thread, if necessary, and returns its area. On failure writes a
 * letter and returns NULL.
 */
volatile struct rk_area *doctor_area(int out, const struct rk_process_info *process, enum registration registration);

/* Returns the bytes of a registration of full size. */
uint32_t doctor_full_length(const struct rk_process_info *process);

/* Runs a probe in a child. If the probe fails, records the failure and returns false. */
bool doctor_probe(struct doctor_facts *facts, const char *what, child_function *function, const void *argument,
		  struct child_result *result);

/* Records that a probe failed, and how it ended. */
void doctor_note_failure(struct doctor_facts *facts, const char *what, const struct child_result *result);

/* The time limit of a probe. Most probes take a few milliseconds, but the machine may be slow. */
#define PROBE_LIMIT_MS 6000

/* Confines the calling thread to one CPU. */
bool doctor_pin(int cpu);

/* Returns the CPU of the calling thread, from the kernel and not from the area. */
int doctor_cpu(void);

/* Returns the lowest CPU except `cpu` that the calling thread may run on. */
enum { CPU_NONE = -1, CPU_UNKNOWN = -2 };
int doctor_other_cpu(int cpu);

/* Returns how often the calling thread was preempted. */
long doctor_preemptions(void);

/* aborts.c: finds which events abort a section, with the registration in force or one of full size. */
void doctor_examine_aborts(struct doctor_facts *facts, enum registration registration, enum answer aborts[EVENTS]);

/* kernel.c */
void doctor_examine_kernel(struct doctor_facts *facts);

#endif /* RK_TOOL_DOCTOR_PROBE_H */
