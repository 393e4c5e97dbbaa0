/* SPDX-License-Identifier: MIT */
/*
 * probe.h - what the doctor's probes share: how a child reports its results, and which area a probe tests.
 *
 * A probe writes one letter for each result, so that the parent also gets the results that a probe wrote before it died.
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

/* Resources that a probe can lack. A probe that lacks a resource exits with the resource's value, and counts as failed. */
enum lack { LACKS_NOTHING, LACKS_MEMORY = 100, LACKS_THREAD, LACKS_CPU, LACKS_SLEEP };

/* In a child: ends the child. The letters that the child has already written are used. */
_Noreturn void doctor_give_up(enum lack lack);

/* Converts a letter to an answer. */
enum answer doctor_said(int letter);

/* The registration that a probe tests. */
enum registration {
	REGISTRATION_PRESENT, /* the inherited registration */
	REGISTRATION_ALIKE,   /* an area on its own page, with the length in force */
	REGISTRATION_FULL     /* an area on its own page, with the full length that the kernel announces */
};

/*
 * For a child: registers the calling thread in this way, if it isn't registered so already. Returns the thread's area. On
 * failure, writes a letter to `out` and returns NULL.
 */
volatile struct rk_area *doctor_area(int out, const struct rk_process_info *process, enum registration registration);

/* Returns the length of a registration of full size, in bytes. */
uint32_t doctor_full_length(const struct rk_process_info *process);

/* Runs a probe in a child. If the probe fails, records the failure and returns false. */
bool doctor_probe(struct doctor_facts *facts, const char *what, child_function *function, const void *argument,
		  struct child_result *result);

/* Records that a probe failed, and how it ended. */
void doctor_note_failure(struct doctor_facts *facts, const char *what, const struct child_result *result);

/* The time limit of a probe. Most probes take a few milliseconds, but the machine is possibly slow. */
#define PROBE_LIMIT_MS 6000

/* Confines the calling thread to one CPU. */
bool doctor_pin(int cpu);

/* Returns the CPU of the calling thread, from the kernel and not from the area. */
int doctor_cpu(void);

/*
 * Returns the lowest CPU, other than `cpu`, on which the calling thread is allowed to run; CPU_NONE if there is no such CPU.
 */
enum { CPU_NONE = -1, CPU_UNKNOWN = -2 };
int doctor_other_cpu(int cpu);

/* Returns how often the calling thread was preempted. */
long doctor_preemptions(void);

/* aborts.c: finds which events abort a section of a thread with this registration. */
void doctor_examine_aborts(struct doctor_facts *facts, enum registration registration, enum answer aborts[EVENTS]);

/* kernel.c: establishes the facts about the kernel. */
void doctor_examine_kernel(struct doctor_facts *facts);

#endif /* RK_TOOL_DOCTOR_PROBE_H */
