/* SPDX-License-Identifier: MIT */
/*
 * owners.c - what it means who owns the area, or that nobody does, and which other components are there.
 *
 * Every owner has a conclusion of its own: what is right to do for one takes another's mode away.
 */
#include <stdio.h>
#include <string.h>

#include "doctor.h"

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
	[CAUSE_STRANGER] = {"stranger", "a component that registers threads itself is loaded, as librseq does, so rseqkit registers "
			    "none, and this thread has not been registered",
			    "have it register threads, which rseqkit then uses; or remove glibc.pthread.rseq=0 from "
			    "GLIBC_TUNABLES, and both use the C library's areas"},
	[CAUSE_TOLD] = {"told", "RSEQKIT_AREA tells rseqkit to register nobody, and nobody else has registered this thread",
			"start the program without RSEQKIT_AREA"},
	[CAUSE_SIGNATURE] =
		{"signature", "the area is registered with another signature: an abort of ours would be fatal",
		 "find the component that registers it, or a C library with the architecture's usual signature"},
	[CAUSE_NO_PORT] = {"no-port", "rseqkit has no critical sections for this architecture", NULL},
};

const char *doctor_cause_name(enum doctor_cause cause)
{
	return causes[cause].name;
}

static bool has_own_area(const struct doctor_facts *facts)
{
	return facts->own_area;
}

static bool has_tunable(const struct doctor_facts *facts)
{
	return facts->tunable;
}

static bool has_spare_area(const struct doctor_facts *facts)
{
	return facts->process.libc_area != 0;
}

/* The first one that applies counts. Owners by number: the library may have fewer names. */
static const struct {
	int owner;
	bool (*applies)(const struct doctor_facts *facts); /* NULL: always */
	const char *id;
	const char *message;
	const char *advice;
} owners[] = {
	{RK_OWNER_LIBC, NULL, "owner-libc",
	 "the C library registers every thread; rseqkit uses its areas and never unregisters them", NULL},
	{RK_OWNER_SELF, has_own_area, "owner-self-own",
	 "RSEQKIT_AREA=own: rseqkit registers those threads that use it, in areas of its own",
	 "nothing needs doing; without RSEQKIT_AREA it uses the area that the C library leaves alone"},
	{RK_OWNER_SELF, has_tunable, "owner-self-tunable",
	 "the tunable glibc.pthread.rseq=0 holds the C library back; rseqkit registers those that use it, in its area",
	 "remove glibc.pthread.rseq=0 from GLIBC_TUNABLES to let the C library do it; a program that creates threads after it"
	 " refuses rseq to itself, by a filter, is ended by glibc either way: set RSEQKIT_AREA=own for that one"},
	{RK_OWNER_SELF, has_spare_area, "owner-self",
	 "the C library has an area but registers no thread; rseqkit registers those that use it, there", NULL},
	{RK_OWNER_SELF, NULL, "owner-self",
	 "the C library doesn't register threads; rseqkit registers those that use it, in areas of its own", NULL},
	{RK_OWNER_EARLY, has_tunable, "owner-early",
	 "a component defines __rseq_abi, as allocators with a per-CPU mode do; it and rseqkit share that area",
	 "nothing needs doing; keep glibc.pthread.rseq=0: where the C library registers, the component does without"},
	{RK_OWNER_EARLY, NULL, "owner-early",
	 "a component defines __rseq_abi, as allocators with a per-CPU mode do; it and rseqkit share that area", NULL},
	{RK_OWNER_KERNEL, NULL, "owner-kernel",
	 "the kernel registers every thread itself (KTLS), in room that rseqkit has for that", NULL},
	{RK_OWNER_LIBRSEQ, NULL, "owner-librseq",
	 "librseq registers threads, those that ask for it; rseqkit uses these and registers none", NULL},
};

static void conclude_usable(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++)
		if (owners[i].owner == (int)facts->owner &&
		    (owners[i].applies == NULL || owners[i].applies(facts))) {
			doctor_add(findings, SEVERITY_INFO, owners[i].id, owners[i].advice, "%s", owners[i].message);
			return;
		}
	doctor_add(findings, SEVERITY_INFO, "owner-other", "a newer rseqkit may know it",
		   "a component that this program has no name for owns the area");
}

static void conclude_neighbours(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	const struct doctor_neighbours *neighbours = &facts->neighbours;

	if (neighbours->early[0] != '\0' && facts->process.libc_registers)
		doctor_add(findings, SEVERITY_INFO, "early-unused",
			   "start the program with GLIBC_TUNABLES=glibc.pthread.rseq=0: it and rseqkit then share its area",
			   "%s defines __rseq_abi, which nobody uses as the C library registers: an allocator with a per-CPU "
			   "mode, such as tcmalloc, takes its slow mode then", neighbours->early);
	if (neighbours->hidden[0] != '\0' && !facts->process.libc_registers)
		doctor_add(findings, SEVERITY_WARNING, "early-hidden",
			   "have the symbol exported, or let the C library register",
			   "%s has an __rseq_abi that no other module sees: it and rseqkit can't share it, and in each thread "
			   "only one of them can have rseq", neighbours->hidden);
}

void doctor_conclude_owner(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	if (facts->cause != CAUSE_NONE)
		doctor_add(findings, SEVERITY_ERROR, "no-rseq", causes[facts->cause].advice,
			   "%s; operations take their fallback", causes[facts->cause].message);
	else
		conclude_usable(facts, findings);
	conclude_neighbours(facts, findings);
	/* An emulator doesn't follow us into a program that is started anew: no surprise. */
	if (facts->cause != CAUSE_VALGRIND && facts->cause != CAUSE_QEMU && facts->fresh_owner[0] != '\0' &&
	    strcmp(facts->fresh_owner, rk_owner_name(facts->owner)) != 0)
		doctor_add(findings, SEVERITY_WARNING, "fresh-process-differs",
			   "compare how they were started: preloaded libraries or filters may differ",
			   "a fresh process with the same environment has owner %s, this one %s", facts->fresh_owner,
			   rk_owner_name(facts->owner));
}
