/* SPDX-License-Identifier: MIT */
/*
 * doctor.h - what the doctor found out: facts (by probing), and the findings that follow from them.
 *
 * A fact is known by what the kernel did when asked, never by a version; what can't be told is said to be unknown,
 * never guessed.
 */
#ifndef RK_TOOL_DOCTOR_H
#define RK_TOOL_DOCTOR_H

#include <rseqkit/ktls.h>
#include <rseqkit/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/utsname.h>

/* The argument with which the doctor starts itself to look at a fresh process: prints the owner's name, and ends. */
#define DOCTOR_FRESH_OPTION "--print-owner"

enum answer { ANSWER_UNKNOWN, ANSWER_NO, ANSWER_YES };

enum doctor_mode { MODE_UNKNOWN, MODE_LEGACY, MODE_OPTIMISED };

/* Why there is no rseq. */
enum doctor_cause {
	CAUSE_NONE, /* there is */
	CAUSE_UNKNOWN,
	CAUSE_KERNEL,
	CAUSE_SECCOMP,
	CAUSE_VALGRIND,
	CAUSE_QEMU,
	CAUSE_EMULATOR, /* something between us and the kernel that isn't a filter */
	CAUSE_FOREIGN,
	CAUSE_STRANGER,
	CAUSE_TOLD,
	CAUSE_SIGNATURE,
	CAUSE_NO_PORT,
	CAUSES
};

/* What may abort a critical section. */
enum doctor_event { EVENT_SIGNAL, EVENT_PREEMPTION, EVENT_MIGRATION, EVENT_MEMBARRIER, EVENTS };

/* The slice extension: each needs the one before. */
struct doctor_slice {
	enum answer known;   /* has the kernel the request for it, whatever it answers? */
	enum answer enabled; /* can it be switched on? */
	enum answer granted; /* was it seen to be granted? */
};

/* What the kernel does to threads that are registered in one way. */
struct doctor_behaviour {
	enum answer ids_rewritten;  /* whenever the thread was switched out, also when they didn't change? */
	enum answer ids_guarded;    /* does a store to one kill? */
	enum answer aborts[EVENTS]; /* does it abort a section? EVENT_PREEMPTION: on the same CPU */
	struct doctor_slice slice;
};

/* Who else is in this process, by the names that its modules define; each a module's file, or empty. */
struct doctor_neighbours {
	char early[256];   /* __rseq_abi, for others to see */
	char hidden[256];  /* __rseq_abi, for nobody else to see */
	char librseq[256]; /* librseq's functions */
};

struct doctor_facts {
	struct rk_process_info process;
	enum rk_owner owner;
	enum rk_reason reason;
	enum rk_slice_reason slice_reason;
	enum doctor_cause cause;
	int rseq_error;              /* errno that the system call gives here; 0 if it works, -1 unknown */
	bool announced;              /* the auxiliary vector has a feature size */
	int seccomp;                 /* of /proc/self/status: 0, 1 strict, 2 filter; -1 unknown */
	bool tunable;                /* GLIBC_TUNABLES tells the libc to leave rseq alone */
	bool own_area;               /* areas are this library's although the libc has one: RSEQKIT_AREA */
	struct doctor_neighbours neighbours;
	enum doctor_mode mode;       /* of the registration in force */
	enum answer optimised;       /* would a registration with all that the kernel has be in optimised mode? */
	enum answer mm_cid, node_id; /* does the kernel keep the field up to date? */
	enum answer ktls;            /* can the kernel register threads by itself? */
	struct rk_ktls_layout ktls_layout; /* what it says of its blob then */
	enum answer membarrier;      /* does the command for critical sections work, for all CPUs? */
	enum answer membarrier_cpu;  /* for one CPU? */
	enum answer full_accepted;   /* does the kernel take a registration with all that it has? */
	struct doctor_behaviour present, full; /* in the registration in force, and in a full one */
	char fresh_owner[16];        /* in a fresh process; empty if unknown */
	struct utsname kernel;       /* for display; nothing follows from it */
	const char *libc_name;       /* NULL if unknown */
	const char *libc_version;
	int possible_cpus, highest_cpu; /* as the library has them */
	bool cpus_listed;            /* by the kernel; else the library keeps room for all that there may be */
	char cpu_list[128];          /* what /sys has in its place, right or not; empty where that can't be read */
	bool has_proc;               /* is /proc there? */
	char failed_probes[320]; /* those that could not be made, for the finding */
};

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

struct finding {
	const char *id; /* stable, for programs */
	enum severity severity;
	char message[448];
	const char *advice; /* NULL: nothing to do */
};

#define DOCTOR_FINDINGS_MAX 16

struct doctor_findings {
	struct finding list[DOCTOR_FINDINGS_MAX];
	size_t count;
};

/* probes.c: all facts. */
void doctor_examine(struct doctor_facts *facts);

/* environment.c: why there is no rseq, by what surrounds the process; and the facts that this needs. */
void doctor_look_around(struct doctor_facts *facts);

/* neighbours.c */
void doctor_look_for_neighbours(struct doctor_neighbours *neighbours);

/* owners.c: what it means who owns the area, or that nobody does. */
const char *doctor_cause_name(enum doctor_cause cause); /* NULL if none */
void doctor_conclude_owner(const struct doctor_facts *facts, struct doctor_findings *findings);

/* diagnosis.c */
void doctor_add(struct doctor_findings *findings, enum severity severity, const char *id, const char *advice,
		const char *format, ...) __attribute__((__format__(__printf__, 5, 6)));
void doctor_conclude(const struct doctor_facts *facts, struct doctor_findings *findings);
const char *doctor_severity_name(enum severity severity);
const char *doctor_mode_name(enum doctor_mode mode);    /* NULL if unknown */
const char *doctor_event_name(enum doctor_event event);

#endif /* RK_TOOL_DOCTOR_H */
