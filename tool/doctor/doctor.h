/* SPDX-License-Identifier: MIT */
/*
 * doctor.h - the facts that the probes (tests) of `rseqkit doctor` establish, and the findings that follow from them.
 *
 * A fact about the kernel comes from what the kernel did in a test, never from a version number. If no test can establish a fact,
 * it is unknown, and never guessed.
 */
#ifndef RK_TOOL_DOCTOR_H
#define RK_TOOL_DOCTOR_H

#include <rseqkit/ktls.h>
#include <rseqkit/slice.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/utsname.h>

/*
 * To test a fresh process, the doctor starts itself with this argument, which ends with the number of a descriptor. To this
 * descriptor the fresh process writes which component (the owner) registers its threads, and ends. stdout would not do, because
 * preloaded libraries can print text there. The name is after a word, for a process that can't open /dev/null as its stdout.
 */
#define DOCTOR_FRESH_OPTION "--print-owner="
#define DOCTOR_FRESH_ANSWER "rseqkit-owner="

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
	CAUSE_EMULATOR, /* an emulator, or a sandbox other than a seccomp filter */
	CAUSE_FOREIGN,  /* the messages in owners.c explain this cause and the following ones */
	CAUSE_STRANGER,
	CAUSE_TOLD,
	CAUSE_SIGNATURE,
	CAUSE_NO_PORT,
	CAUSES
};

/* Events that can abort a critical section. */
enum doctor_event { EVENT_SIGNAL, EVENT_PREEMPTION, EVENT_MIGRATION, EVENT_MEMBARRIER, EVENTS };

/* The three conditions for a time slice extension. Each one needs the one before it. */
struct doctor_slice {
	enum answer known;   /* does the kernel know the prctl() request, even if the request fails? */
	enum answer enabled; /* can the extension be enabled? */
	enum answer granted; /* did a thread get a time slice extension in the test? */
};

/* The kernel's behaviour towards threads with one form of registration. */
struct doctor_behaviour {
	enum answer ids_rewritten;  /* does the kernel write the ids at each switch, even if they didn't change? */
	enum answer ids_guarded;    /* does the kernel kill a thread that stores to an id? */
	enum answer aborts[EVENTS]; /* does the event abort a section? The tested preemption leaves the thread on its CPU */
	struct doctor_slice slice;
};

/* Other components in this process, found by the symbols of modules. Each member is the file of a module, or empty. */
struct doctor_neighbours {
	char early[256];   /* of a module that defines an __rseq_abi that other modules can see */
	char hidden[256];  /* of a module that defines an __rseq_abi that other modules can't see */
	char librseq[256]; /* of a module that defines librseq's functions */
	char area[256];    /* of the module whose thread-local memory has this thread's area; empty for the program itself */
};

struct doctor_facts {
	struct rk_process_info process;
	enum rk_owner owner;         /* returned by rk_thread_owner(); RK_OWNER_NONE if a seccomp filter misled the library */
	enum rk_reason reason;       /* returned by rk_thread_reason() */
	enum rk_slice_reason slice_reason; /* returned by rk_slice_thread_reason() */
	enum doctor_cause cause;
	int rseq_error;              /* errno of the rseq system call in this process; 0 if it works, -1 if unknown */
	bool announced;              /* the auxiliary vector has AT_RSEQ_FEATURE_SIZE */
	int seccomp;                 /* from /proc/self/status: 0 none, 1 strict, 2 filter; -1 if unknown */
	bool tunable;                /* GLIBC_TUNABLES stops the libc from registering threads */
	bool own_area;               /* librseqkit registers its own areas although the libc has areas */
	bool own_chosen;             /* the environment has RSEQKIT_AREA=own */
	struct doctor_neighbours neighbours;
	enum doctor_mode mode;       /* the mode of the registration in force */
	enum answer optimised;       /* would a registration of full size be in optimised mode? */
	enum answer mm_cid, node_id; /* does the kernel keep the field up to date? */
	enum answer ktls;            /* can the kernel register threads itself? */
	struct rk_ktls_layout ktls_layout; /* the kernel's description of its data, if `ktls` is yes */
	enum answer threads_live;    /* does the process survive the start of a new thread? */
	enum answer membarrier;      /* does MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ work for all CPUs? */
	enum answer membarrier_cpu;  /* does this command work for one CPU? */
	enum answer full_accepted;   /* does the kernel accept a registration of full size? */
	struct doctor_behaviour present, full; /* with the registration in force, and with a registration of full size */
	char fresh_owner[16];        /* the owner in a fresh process; empty if unknown */
	struct utsname kernel;       /* only printed, and never used for a conclusion */
	const char *libc_name;       /* NULL if unknown */
	const char *libc_version;
	int possible_cpus, highest_cpu; /* how many CPUs the library assumes to be possible, and the highest one's number */
	/* The kernel's list ends at `highest_cpu`. If it doesn't, the library assumes every CPU that the kernel could have. */
	bool cpus_listed;
	char cpu_list[128];          /* the kernel's list in /sys, right or not; empty if it can't be read */
	bool has_proc;               /* is /proc mounted? */
	char failed_probes[320]; /* the probes that failed, for the text of the finding */
	int start_error;         /* the errno of the last probe that couldn't be started, or 0 */
};

enum severity { SEVERITY_INFO, SEVERITY_WARNING, SEVERITY_ERROR };

struct doctor_finding {
	const char *id; /* for programs that read findings; never changes */
	enum severity severity;
	char message[448];
	const char *advice; /* NULL if there is nothing to do */
};

#define DOCTOR_FINDINGS_MAX 16

struct doctor_findings {
	struct doctor_finding list[DOCTOR_FINDINGS_MAX];
	size_t count;
};

/* probes.c: establishes all facts. */
void doctor_examine(struct doctor_facts *facts);

/*
 * environment.c: finds why rseq isn't available, by what can be seen in the process and in /proc. Also sets the facts on which
 * this cause depends.
 */
void doctor_look_around(struct doctor_facts *facts);

/* neighbours.c: finds other components by the symbols of modules. */
void doctor_look_for_neighbours(struct doctor_neighbours *neighbours);

/* owners.c: findings about the owner of the area, or about its absence. */
const char *doctor_cause_name(enum doctor_cause cause); /* NULL for CAUSE_NONE */
void doctor_conclude_owner(const struct doctor_facts *facts, struct doctor_findings *findings);

/* finding.c: adds a finding to the list. `format` is that of the message, as for printf(). */
void doctor_add(struct doctor_findings *findings, enum severity severity, const char *id, const char *advice,
		const char *format, ...) __attribute__((__format__(__printf__, 5, 6)));

/* diagnosis.c: derives all findings from the facts. */
void doctor_conclude(const struct doctor_facts *facts, struct doctor_findings *findings);
const char *doctor_severity_name(enum severity severity);
const char *doctor_mode_name(enum doctor_mode mode);    /* NULL if unknown */
const char *doctor_event_name(enum doctor_event event);


/*
 * Is the kernel's feature size known? It is known if the kernel announces it. It is the original size if the kernel has rseq and
 * announces no size.
 */
static inline bool doctor_size_known(const struct doctor_facts *facts)
{
	return facts->announced || facts->cause == CAUSE_NONE;
}

/* doctor_json.c: prints JSON. This needs json-c, so the small build of the tool (RK_SMALL_TOOL) doesn't have it. */
void doctor_print_json(const struct doctor_facts *facts, const struct doctor_findings *findings);

#endif /* RK_TOOL_DOCTOR_H */
