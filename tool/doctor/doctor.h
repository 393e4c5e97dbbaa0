/* SPDX-License-Identifier: MIT */
/*
 * doctor.h - the facts that the doctor's probes establish, and the findings that follow from them.
 *
 * A fact comes from what the kernel did in a test, never from a version number. A fact that no test can establish is unknown,
 * and never guessed.
 */
#ifndef RK_TOOL_DOCTOR_H
#define RK_TOOL_DOCTOR_H

#include <rseqkit/ktls.h>
#include <rseqkit/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/utsname.h>

/* The doctor starts itself with this argument to test a fresh process, which prints the owner's name and ends. */
#define DOCTOR_FRESH_OPTION "--print-owner"

enum answer { ANSWER_UNKNOWN, ANSWER_NO, ANSWER_YES };

enum doctor_mode { MODE_UNKNOWN, MODE_LEGACY, MODE_OPTIMISED };

/* Why rseq isn't available. */
enum doctor_cause {
	CAUSE_NONE, /* rseq is available */
	CAUSE_UNKNOWN,
	CAUSE_KERNEL,
	CAUSE_SECCOMP,
	CAUSE_VALGRIND,
	CAUSE_QEMU,
	CAUSE_EMULATOR, /* an emulator, or a sandbox other than a filter */
	CAUSE_FOREIGN,
	CAUSE_STRANGER,
	CAUSE_TOLD,
	CAUSE_SIGNATURE,
	CAUSE_NO_PORT,
	CAUSES
};

/* Events that possibly abort a critical section. */
enum doctor_event { EVENT_SIGNAL, EVENT_PREEMPTION, EVENT_MIGRATION, EVENT_MEMBARRIER, EVENTS };

/* Three steps to the slice extension. Each step needs the step before it. */
struct doctor_slice {
	enum answer known;   /* does the kernel know the prctl() request, even if the request fails? */
	enum answer enabled; /* can the extension be enabled? */
	enum answer granted; /* did a thread get a time slice extension in the test? */
};

/* The kernel's behaviour towards threads with one form of registration. */
struct doctor_behaviour {
	enum answer ids_rewritten;  /* does the kernel write the ids at each switch, even if they didn't change? */
	enum answer ids_guarded;    /* does the kernel kill a thread that stores to an id? */
	enum answer aborts[EVENTS]; /* does the event abort a section? After a preemption the thread stays on its CPU */
	struct doctor_slice slice;
};

/* Other components in this process, found by the symbols of modules. Each member is the file of such a module, or empty. */
struct doctor_neighbours {
	char early[256];   /* defines an __rseq_abi that other modules can see */
	char hidden[256];  /* defines an __rseq_abi that other modules can't see */
	char librseq[256]; /* defines librseq's functions */
};

struct doctor_facts {
	struct rk_process_info process;
	enum rk_owner owner;
	enum rk_reason reason;
	enum rk_slice_reason slice_reason;
	enum doctor_cause cause;
	int rseq_error;              /* errno of the rseq system call in this process; 0 if it works, -1 if unknown */
	bool announced;              /* the auxiliary vector has a feature size */
	int seccomp;                 /* from /proc/self/status: 0 none, 1 strict, 2 filter; -1 if unknown */
	bool tunable;                /* GLIBC_TUNABLES stops the libc from registering threads */
	bool own_area;               /* areas are this library's although the libc has areas (RSEQKIT_AREA) */
	struct doctor_neighbours neighbours;
	enum doctor_mode mode;       /* of the registration in force */
	enum answer optimised;       /* would a registration of full size be in optimised mode? */
	enum answer mm_cid, node_id; /* does the kernel keep the field up to date? */
	enum answer ktls;            /* can the kernel register threads itself? */
	struct rk_ktls_layout ktls_layout; /* the kernel's description of its data, if `ktls` is yes */
	enum answer membarrier;      /* does membarrier's command for critical sections work for all CPUs? */
	enum answer membarrier_cpu;  /* does this command work for one CPU? */
	enum answer full_accepted;   /* does the kernel accept a registration of full size? */
	struct doctor_behaviour present, full; /* with the registration in force, and with a registration of full size */
	char fresh_owner[16];        /* the owner in a fresh process; empty if unknown */
	struct utsname kernel;       /* for display only */
	const char *libc_name;       /* NULL if unknown */
	const char *libc_version;
	int possible_cpus, highest_cpu; /* the numbers that the library uses */
	bool cpus_listed;            /* the kernel's list has these numbers; otherwise the library assumes the maximum of CPUs */
	char cpu_list[128];          /* the list in /sys, right or not; empty if it can't be read */
	bool has_proc;               /* is /proc mounted? */
	char failed_probes[320]; /* the probes that failed, for the text of the finding */
};

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

struct finding {
	const char *id; /* for programs that read findings; never changes */
	enum severity severity;
	char message[448];
	const char *advice; /* NULL if there is nothing to do */
};

#define DOCTOR_FINDINGS_MAX 16

struct doctor_findings {
	struct finding list[DOCTOR_FINDINGS_MAX];
	size_t count;
};

/* probes.c: establishes all facts. */
void doctor_examine(struct doctor_facts *facts);

/*
 * environment.c: finds from the environment of the process why rseq isn't available. Also sets the facts on which the answer
 * depends.
 */
void doctor_look_around(struct doctor_facts *facts);

/* neighbours.c: finds other components by the symbols of modules. */
void doctor_look_for_neighbours(struct doctor_neighbours *neighbours);

/* owners.c: findings about the owner of the area, or about its absence. */
const char *doctor_cause_name(enum doctor_cause cause); /* NULL for CAUSE_NONE */
void doctor_conclude_owner(const struct doctor_facts *facts, struct doctor_findings *findings);

/* diagnosis.c */
void doctor_add(struct doctor_findings *findings, enum severity severity, const char *id, const char *advice,
		const char *format, ...) __attribute__((__format__(__printf__, 5, 6)));
void doctor_conclude(const struct doctor_facts *facts, struct doctor_findings *findings);
const char *doctor_severity_name(enum severity severity);
const char *doctor_mode_name(enum doctor_mode mode);    /* NULL if unknown */
const char *doctor_event_name(enum doctor_event event);


/*
 * Is the kernel's feature size known? It is known if the kernel announces the size, or if the kernel has rseq and announces
 * nothing: then the kernel uses the original size.
 */
static inline bool doctor_size_known(const struct doctor_facts *facts)
{
	return facts->announced || facts->cause == CAUSE_NONE;
}

/* doctor_json.c, which needs json-c. The small tool doesn't have this file. */
void doctor_print_json(const struct doctor_facts *facts, const struct doctor_findings *findings);

#endif /* RK_TOOL_DOCTOR_H */
