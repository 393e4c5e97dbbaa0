/* SPDX-License-Identifier: MIT */
/*
 * diagnosis.c - what follows from the facts: each finding says what is so, what it means, and what to do.
 *
 * The ids are for programs and stay; the words may change.
 */
#include "doctor.h"
#include <rseqkit/detail/agreement.h>

#include <stdio.h>

const char *doctor_mode_name(enum doctor_mode mode)
{
	return mode == MODE_LEGACY ? "legacy" : mode == MODE_OPTIMISED ? "optimised" : NULL;
}

const char *doctor_severity_name(enum severity severity)
{
	return severity == SEVERITY_ERROR ? "error" : severity == SEVERITY_WARNING ? "warning" : "info";
}

/* Who registers decides how to get the optimised mode; not every machine's thread block can be an area (abi.h). */
static const char *unused_mode_advice(const struct doctor_facts *facts)
{
	const bool can_choose = RK_BLOCK_ALIGNMENT >= RK_AREA_LENGTH_ORIGINAL;

	if (facts->owner == RK_OWNER_EARLY || facts->owner == RK_OWNER_LIBRSEQ)
		return "nothing needs doing: the area is another component's, which may depend on it as it is";
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
		doctor_add(findings, SEVERITY_INFO, "mode-legacy", NULL,
		    "legacy mode: the kernel rewrites the ids on every preemption");
	else if (facts->mode == MODE_OPTIMISED)
		doctor_add(findings, SEVERITY_INFO, "mode-optimised", "never write to the area's ids: that kills the process",
		    "optimised mode: the kernel writes the ids only when they change, and guards them");
	else
		doctor_add(findings, SEVERITY_INFO, "mode-unknown", NULL, "the mode can't be told");
	if (facts->mode == MODE_LEGACY && facts->present.ids_guarded == ANSWER_YES)
		doctor_add(findings, SEVERITY_INFO, "ids-guarded", "look for rseq_debug in the kernel's command line",
		    "the kernel guards the ids although the mode is legacy: writing to them kills the process");
	if (facts->mode == MODE_LEGACY && facts->optimised == ANSWER_YES)
		doctor_add(findings, SEVERITY_INFO, "optimised-mode-unused", unused_mode_advice(facts),
		    "the kernel has the optimised mode, but threads are registered with %u bytes, which costs a write of "
		    "the ids at each preemption, and there is no slice extension",
		    facts->process.length);
	if (facts->mm_cid == ANSWER_NO)
		doctor_add(findings, SEVERITY_INFO, "no-mm-cid", "a newer kernel has them; index by CPU instead",
		    "the kernel keeps no concurrency ids: operations by concurrency id report that there is no rseq");
}

void doctor_conclude(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	findings->count = 0;
	doctor_conclude_owner(facts, findings);
	conclude_mode(facts, findings);
	if (facts->membarrier == ANSWER_NO)
		doctor_add(findings, SEVERITY_WARNING, "no-membarrier",
		    "allow membarrier in the seccomp filter, or run a kernel that has it",
		    "membarrier's command for critical sections doesn't work: other CPUs' sections can't be fenced");
	else if (facts->membarrier == ANSWER_YES && facts->present.aborts[EVENT_MEMBARRIER] == ANSWER_NO)
		doctor_add(findings, SEVERITY_WARNING, "membarrier-idle",
		    "see whether a seccomp filter or an emulator answers membarrier and doesn't pass it on",
		    "membarrier's command for critical sections succeeds, but aborts none: other CPUs' sections aren't fenced");
	else if (facts->membarrier_cpu == ANSWER_NO)
		doctor_add(findings, SEVERITY_INFO, "no-membarrier-cpu", NULL,
		    "membarrier can fence critical sections on all CPUs only, not on one");
	if (facts->ktls == ANSWER_YES && facts->owner != RK_OWNER_KERNEL)
		doctor_add(findings, SEVERITY_INFO, "ktls-unused",
		    "start a program by rseqkit exec --ktls to try it; it is experimental",
		    "the kernel can register threads by itself (KTLS), and nobody has it do so here");
	if (facts->present.slice.enabled == ANSWER_YES)
		doctor_add(findings, SEVERITY_INFO, "slice-extension", NULL, "a thread can ask for a time slice extension");
	if (!facts->cpus_listed && facts->cpu_list[0] != '\0')
		doctor_add(findings, SEVERITY_INFO, "cpu-list-wrong",
		    "show this process the kernel's own list: a container may have put another in its place",
		    "/sys/devices/system/cpu/possible says %s, but this process may run on other CPUs, or no kernel writes that: "
		    "results are right, and per-CPU data takes room for all that there may be",
		    facts->cpu_list);
	else if (!facts->cpus_listed)
		doctor_add(findings, SEVERITY_INFO, "no-cpu-list", "mount /sys to have less memory taken",
		    "/sys/devices/system/cpu/possible can't be read: results are right, and per-CPU data takes room for all that "
		    "there may be");
	if (!facts->has_proc)
		doctor_add(findings, SEVERITY_INFO, "no-proc", "mount /proc, and run this again",
		    "/proc is missing: filters and emulators can't be told%s",
		    facts->fresh_owner[0] == '\0' ? ", nor what a fresh process gets" : "");
	if (facts->failed_probes[0] != '\0')
		doctor_add(findings, SEVERITY_INFO, "probe-failed",
		    "see whether fork and threads work here, whether there is memory, and whether a filter kills, refuses or "
		    "delays system calls",
		    "not everything can be told, because this could not be tried: %s", facts->failed_probes);
}
