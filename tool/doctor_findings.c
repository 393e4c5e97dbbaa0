/* SPDX-License-Identifier: MIT */
/*
 * doctor_findings.c - what follows from the facts: each finding says what is so, what it means, and what to do.
 *
 * The ids are for programs and stay; the words may change.
 */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	const char *message;
	const char *advice;
} causes[CAUSES] = {
	[CAUSE_UNKNOWN] = {"unknown", "there is no rseq here, and what withholds it can't be told",
			   "compare with a run outside of the container, sandbox or emulator this one is in"},
	[CAUSE_KERNEL] = {"kernel", "the kernel has no rseq system call",
			  "run a kernel with CONFIG_RSEQ; outside of an emulator, Linux has it since 4.18"},
	[CAUSE_SECCOMP] = {"seccomp", "a seccomp filter refuses the rseq system call, which the kernel has",
			   "allow rseq in the filter of the container or service manager"},
	[CAUSE_VALGRIND] = {"valgrind", "valgrind doesn't pass rseq on",
			    "nothing needs doing: programs use their fallback here; run without valgrind to use rseq"},
	[CAUSE_QEMU] = {"qemu", "qemu's user emulation doesn't pass rseq on",
			"run natively or in a virtual machine to use rseq"},
	[CAUSE_EMULATOR] = {"emulator", "the kernel announces rseq, but there is neither the system call nor a filter",
			    "run outside of the emulator or sandbox to use rseq"},
	[CAUSE_FOREIGN] = {"foreign", "another component has registered a private area, which others can't use",
			   "find what is preloaded or linked that registers rseq itself; let the C library register "
			   "instead"},
	[CAUSE_SIGNATURE] =
		{"signature", "the area is registered with another signature: an abort of ours would be fatal",
		 "find the component that registers it, or a C library with the architecture's usual signature"},
	[CAUSE_NO_PORT] = {"no-port", "rseqkit has no critical sections for this architecture", NULL},
};

const char *doctor_cause_name(enum doctor_cause cause)
{
	return causes[cause].name;
}

const char *doctor_mode_name(enum doctor_mode mode)
{
	return mode == MODE_LEGACY ? "legacy" : mode == MODE_OPTIMISED ? "optimised" : NULL;
}

const char *doctor_severity_name(enum severity severity)
{
	return severity == SEVERITY_ERROR ? "error" : severity == SEVERITY_WARNING ? "warning" : "info";
}

static void __attribute__((__format__(__printf__, 5, 6)))
add(struct doctor_findings *findings, enum severity severity, const char *id, const char *advice, const char *format,
    ...)
{
	struct finding *finding = &findings->list[findings->count];
	va_list arguments;

	if (findings->count == DOCTOR_FINDINGS_MAX)
		return;
	finding->id = id;
	finding->severity = severity;
	finding->advice = advice;
	va_start(arguments, format);
	vsnprintf(finding->message, sizeof(finding->message), format, arguments);
	va_end(arguments);
	findings->count++;
}

static void conclude_owner(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	if (facts->cause != CAUSE_NONE)
		add(findings, SEVERITY_ERROR, "no-rseq", causes[facts->cause].advice,
		    "%s; operations take their fallback", causes[facts->cause].message);
	else if (facts->owner == RK_OWNER_LIBC)
		add(findings, SEVERITY_INFO, "owner-libc", NULL,
		    "the C library registers every thread; rseqkit uses its areas and never unregisters them");
	else if (facts->tunable)
		add(findings, SEVERITY_INFO, "owner-self-tunable",
		    "nothing needs doing; remove glibc.pthread.rseq=0 from GLIBC_TUNABLES to let the C library do it",
		    "the tunable glibc.pthread.rseq=0 holds the C library back; rseqkit registers those that use it");
	else
		add(findings, SEVERITY_INFO, "owner-self", NULL,
		    "the C library doesn't register threads; rseqkit registers those that use it");
	/* An emulator doesn't follow us into a program that is started anew: no surprise. */
	if (facts->cause != CAUSE_VALGRIND && facts->cause != CAUSE_QEMU && facts->fresh_owner[0] != '\0' &&
	    strcmp(facts->fresh_owner, rk_owner_name(facts->owner)) != 0)
		add(findings, SEVERITY_WARNING, "fresh-process-differs",
		    "compare how they were started: preloaded libraries or filters may differ",
		    "a fresh process with the same environment has owner %s, this one %s", facts->fresh_owner,
		    rk_owner_name(facts->owner));
}

/* Who registers decides how to get the optimised mode; not every machine's thread block can be an area (abi.h). */
static const char *unused_mode_advice(const struct doctor_facts *facts)
{
	const bool can_choose = RK_BLOCK_ALIGNMENT >= RK_AREA_LENGTH_ORIGINAL;

	if (facts->owner != RK_OWNER_LIBC)
		return can_choose ? "start the program with RSEQKIT_AREA=own" :
				    "start the program by rseqkit exec --full-size";
	return can_choose ? "use a glibc that registers the full size (2.41 and later), or start the program with "
			    "GLIBC_TUNABLES=glibc.pthread.rseq=0 and RSEQKIT_AREA=own" :
			    "use a glibc that registers the full size (2.41 and later), or start the program by "
			    "rseqkit exec --full-size";
}

static void conclude_mode(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	if (facts->cause != CAUSE_NONE)
		return;
	if (facts->mode == MODE_LEGACY)
		add(findings, SEVERITY_INFO, "mode-legacy", NULL,
		    "legacy mode: the kernel rewrites the ids on every preemption");
	else if (facts->mode == MODE_OPTIMISED)
		add(findings, SEVERITY_INFO, "mode-optimised", "never write to the area's ids: that kills the process",
		    "optimised mode: the kernel writes the ids only when they change, and guards them");
	else
		add(findings, SEVERITY_INFO, "mode-unknown", NULL, "the mode can't be told");
	if (facts->mode == MODE_LEGACY && facts->present.ids_guarded == ANSWER_YES)
		add(findings, SEVERITY_INFO, "ids-guarded", "look for rseq_debug in the kernel's command line",
		    "the kernel guards the ids although the mode is legacy: writing to them kills the process");
	if (facts->mode == MODE_LEGACY && facts->optimised == ANSWER_YES)
		add(findings, SEVERITY_INFO, "optimised-mode-unused", unused_mode_advice(facts),
		    "the kernel has the optimised mode, but threads are registered with %u bytes, which costs a write of "
		    "the ids at each preemption, and there is no slice extension",
		    facts->process.length);
	if (facts->mm_cid == ANSWER_NO)
		add(findings, SEVERITY_INFO, "no-mm-cid", "a newer kernel has them; index by CPU instead",
		    "the kernel keeps no concurrency ids: operations by concurrency id report that there is no rseq");
}

void doctor_conclude(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	findings->count = 0;
	conclude_owner(facts, findings);
	conclude_mode(facts, findings);
	if (facts->membarrier == ANSWER_NO)
		add(findings, SEVERITY_WARNING, "no-membarrier",
		    "allow membarrier in the seccomp filter, or run a kernel that has it",
		    "membarrier's command for critical sections doesn't work: other CPUs' sections can't be fenced");
	else if (facts->membarrier_cpu == ANSWER_NO)
		add(findings, SEVERITY_INFO, "no-membarrier-cpu", NULL,
		    "membarrier can fence critical sections on all CPUs only, not on one");
	if (facts->present.slice.enabled == ANSWER_YES)
		add(findings, SEVERITY_INFO, "slice-extension", NULL, "a thread can ask for a time slice extension");
	if (facts->failed_probes[0] != '\0')
		add(findings, SEVERITY_INFO, "probe-failed",
		    "see whether fork works here, and whether a filter kills or delays system calls",
		    "not everything can be told, because this could not be tried: %s", facts->failed_probes);
}
