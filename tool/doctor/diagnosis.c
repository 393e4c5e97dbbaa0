/* SPDX-License-Identifier: MIT */
/*
 * diagnosis.c - derives findings from the facts that the tests of `rseqkit doctor` have established. Each finding states a fact,
 * the effect of this fact, and what to do.
 *
 * Programs can rely on the findings' ids, which never change. The texts can change.
 */
#include "doctor.h"
#include <rseqkit/detail/agreement.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *doctor_mode_name(enum doctor_mode mode)
{
	return mode == MODE_LEGACY ? "legacy" : mode == MODE_OPTIMISED ? "optimised" : NULL;
}

const char *doctor_severity_name(enum severity severity)
{
	return severity == SEVERITY_ERROR ? "error" : severity == SEVERITY_WARNING ? "warning" : "info";
}

/*
 * Returns advice on how to get the optimised mode. The advice depends on the owner, the component that registers the areas. On
 * some architectures the thread block, librseqkit's own room for an area, can't be an area (abi.h).
 */
static const char *unused_mode_advice(const struct doctor_facts *facts)
{
	const bool can_choose = RK_BLOCK_ALIGNMENT >= RK_AREA_LENGTH_ORIGINAL;

	if (facts->owner == RK_OWNER_EARLY || facts->owner == RK_OWNER_LIBRSEQ)
		return "Nothing to do. The area belongs to another component, which may depend on its size.";
	if (facts->owner != RK_OWNER_LIBC)
		return can_choose ? "Start the program with RSEQKIT_AREA=own." :
				    "Start the program with rseqkit exec --full-size.";
	return can_choose ? "Use a glibc that registers the full size (2.41 and later), or start the program with "
			    "GLIBC_TUNABLES=glibc.pthread.rseq=0 and RSEQKIT_AREA=own." :
			    "Use a glibc that registers the full size (2.41 and later), or start the program with "
			    "rseqkit exec --full-size.";
}

static void conclude_mode(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	if (facts->cause != CAUSE_NONE)
		return;
	if (facts->mode == MODE_LEGACY)
		doctor_add(findings, SEVERITY_INFO, "mode-legacy", NULL,
		    "legacy mode: the kernel rewrites the CPU ids each time it switches to the thread");
	else if (facts->mode == MODE_OPTIMISED)
		doctor_add(findings, SEVERITY_INFO, "mode-optimised", "Never write to the area's CPU ids.",
		    "optimised mode: the kernel writes the CPU ids only when they change, and kills a process that writes them");
	else
		doctor_add(findings, SEVERITY_INFO, "mode-unknown", NULL, "the mode is unknown");
	if (facts->mode == MODE_LEGACY && facts->present.ids_guarded == ANSWER_YES)
		doctor_add(findings, SEVERITY_INFO, "ids-guarded", "Look for rseq_debug in the kernel's command line.",
		    "the kernel kills a process that writes to the area's CPU ids, although the mode is legacy");
	if (facts->mode == MODE_LEGACY && facts->optimised == ANSWER_YES)
		doctor_add(findings, SEVERITY_INFO, "optimised-mode-unused", unused_mode_advice(facts),
		    "the kernel has the optimised mode, but areas of %u bytes don't use it; the kernel rewrites their CPU ids at "
		    "each switch, and grants no slice extension",
		    facts->process.length);
	if (facts->mm_cid == ANSWER_NO)
		doctor_add(findings, SEVERITY_INFO, "no-mm-cid", "Index by CPU, or use a newer kernel.",
		    "the kernel provides no concurrency ids, so operations by concurrency id return RK_NO_RSEQ");
}

/* Names the probes that failed. If a process couldn't be started, the error says which limit was reached. */
static void conclude_failures(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	const char *advice = "Check whether fork and threads work here, whether memory is short, and whether a filter kills, refuses "
			     "or delays system calls.";

	if (facts->failed_probes[0] == '\0')
		return;
	if (facts->start_error == EMFILE)
		advice = "Raise the limit of open files (ulimit -n), and run this again.";
	else if (facts->start_error == EAGAIN)
		advice = "Raise the limit of processes (ulimit -u, or pids.max of the cgroup), and run this again.";
	doctor_add(findings, SEVERITY_INFO, "probe-failed", advice,
	    "some tests were impossible, so some answers are unknown: %s%s%s", facts->failed_probes,
	    facts->start_error != 0 ? ". A process can't be started: " : "",
	    facts->start_error != 0 ? strerror(facts->start_error) : "");
}

void doctor_conclude(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	findings->count = 0;
	doctor_conclude_owner(facts, findings);
	conclude_mode(facts, findings);
	if (facts->membarrier == ANSWER_NO)
		doctor_add(findings, SEVERITY_WARNING, "no-membarrier",
		    "Allow membarrier in the seccomp filter, or run a kernel that has it.",
		    "membarrier's command for critical sections doesn't work, so sections of other CPUs can't be fenced by it");
	else if (facts->membarrier == ANSWER_YES && facts->present.aborts[EVENT_MEMBARRIER] == ANSWER_NO)
		doctor_add(findings, SEVERITY_WARNING, "membarrier-idle",
		    "Check whether a seccomp filter or an emulator answers membarrier instead of the kernel.",
		    "membarrier's command for critical sections succeeds but aborts none, so sections of other CPUs aren't "
		    "fenced");
	else if (facts->membarrier_cpu == ANSWER_NO)
		doctor_add(findings, SEVERITY_INFO, "no-membarrier-cpu", NULL,
		    "membarrier can fence critical sections only on all CPUs at once, not on a single CPU");
	if (facts->ktls == ANSWER_YES && facts->owner != RK_OWNER_KERNEL)
		doctor_add(findings, SEVERITY_INFO, "ktls-unused",
		    "To try it, start a program with rseqkit exec --ktls. KTLS is experimental.",
		    "the kernel can register threads itself (KTLS), but doesn't do so in this process");
	if (facts->present.slice.enabled == ANSWER_YES)
		doctor_add(findings, SEVERITY_INFO, "slice-extension", NULL, "threads can request time slice extensions");
	if (!facts->cpus_listed && facts->cpu_list[0] != '\0')
		doctor_add(findings, SEVERITY_INFO, "cpu-list-wrong",
		    "Give this process the kernel's own list. A container may have replaced it.",
		    "/sys/devices/system/cpu/possible says %s, which can't be right. Results are right, but per-CPU data takes "
		    "memory for every CPU that the kernel could have",
		    facts->cpu_list);
	else if (!facts->cpus_listed)
		doctor_add(findings, SEVERITY_INFO, "no-cpu-list", "Mount /sys to save memory.",
		    "/sys/devices/system/cpu/possible can't be read. Results are right, but per-CPU data takes memory for every "
		    "CPU that the kernel could have");
	if (!facts->has_proc)
		doctor_add(findings, SEVERITY_INFO, "no-proc", "Mount /proc, and run this again.",
		    "/proc is missing, so filters and emulators can't be detected%s",
		    facts->fresh_owner[0] == '\0' ? ", and no fresh process can be started" : "");
	conclude_failures(facts, findings);
}
