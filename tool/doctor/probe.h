/* SPDX-License-Identifier: MIT */
/*
 * probe.h - functions for the probes (tests) of `rseqkit doctor`: how a child reports its results, and which area it tests.
 *
 * A probe is a child process. It writes one letter for each result to a pipe, so that the parent also gets the results that a
 * probe has written before it died.
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

/* In a child: writes a letter to the pipe `out`. */
void doctor_say(int out, int letter);

/* A resource that a probe needs and couldn't get. The probe then exits with this value as its status, and counts as failed. */
enum lack {
	LACKS_NOTHING,
	LACKS_MEMORY = 100,
	LACKS_THREAD,
	LACKS_CPU,
	LACKS_SLEEP,
	LACKS_TIMER,
	LACKS_COUNT, /* of preemptions */
	LACKS_PATH,  /* of this program */
	LACKS_LAST = LACKS_PATH
};

/* In a child: ends the child with this status. The parent still uses the letters that the child has written. */
_Noreturn void doctor_give_up(enum lack lack);

/*
 * Returns the number of the system call rseq. The code has the number's complement, so that librseqkit doesn't take this program
 * for a component that registers threads itself (src/thread/callers.h).
 */
long doctor_number_of_rseq(void);

/* In the parent: converts a letter to an answer. */
enum answer doctor_said(int letter);

/* The registration that a probe tests. */
enum registration {
	REGISTRATION_PRESENT, /* the registration that the child has inherited */
	REGISTRATION_ALIKE,   /* another area on a page of its own, with the length of the inherited registration */
	REGISTRATION_FULL     /* another area on a page of its own, with the full length that the kernel announces */
};

/*
 * In a child: gives the calling thread this registration, and returns the thread's area. If this fails, writes a letter to `out`
 * and returns NULL.
 */
volatile struct rk_area *doctor_area(int out, const struct rk_process_info *process, enum registration registration);

/* Returns the length of a registration of full size, in bytes. */
uint32_t doctor_full_length(const struct rk_process_info *process);

/* Runs the probe `function` in a child. If the probe fails, records this with its name `what`, and returns false. */
bool doctor_probe(struct doctor_facts *facts, const char *what, child_function *function, const void *argument,
		  struct child_result *result);

/* Records that a probe failed, and how it ended. */
void doctor_note_failure(struct doctor_facts *facts, const char *what, const struct child_result *result);

/* The time limit of a probe. Most probes take a few milliseconds, but the machine can be slow. */
#define PROBE_LIMIT_MS 6000

/* Confines the calling thread to one CPU. */
bool doctor_pin(int cpu);

/* Returns the CPU of the calling thread, from the kernel and not from the area. */
int doctor_cpu(void);

/*
 * Returns the lowest CPU, other than `cpu`, on which the calling thread is allowed to run; CPU_NONE if there is no such CPU.
 * Returns CPU_UNKNOWN if the kernel's answer can't be right.
 */
enum { CPU_NONE = -1, CPU_UNKNOWN = -2 };
int doctor_other_cpu(int cpu);

/* Returns how often the calling thread was preempted until now; -1 if the kernel doesn't tell. */
long doctor_preemptions(void);

/* aborts.c: finds which events abort a section of a thread with this registration. */
void doctor_examine_aborts(struct doctor_facts *facts, enum registration registration, enum answer aborts[EVENTS]);

/* kernel.c: establishes the facts about the kernel. */
void doctor_examine_kernel(struct doctor_facts *facts);

#endif /* RK_TOOL_DOCTOR_PROBE_H */
