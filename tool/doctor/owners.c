/* SPDX-License-Identifier: MIT */
/*
 * owners.c - makes the findings about the owner, the component that registers this process's threads, and about other components
 * that use rseq.
 *
 * Each owner has a finding of its own, because advice that helps with one owner can harm with another.
 */
#include <stdio.h>
#include <string.h>

#include "doctor.h"

static const struct {
	const char *name;
	const char *message;
	const char *advice;
} causes[CAUSES] = {
	[CAUSE_UNKNOWN] = {"unknown", "rseq is not available, and the cause is unknown",
			   "Run rseqkit doctor again outside of the container, sandbox or emulator, and compare the results."},
	[CAUSE_KERNEL] = {"kernel", "the kernel has no rseq system call",
			  "Run a kernel with CONFIG_RSEQ (Linux 4.18 or later). An emulator may hide it."},
	[CAUSE_SECCOMP] = {"seccomp", "the kernel has the rseq system call, but a seccomp filter refuses it",
			   "Allow rseq in the filter of the container or service manager."},
	[CAUSE_VALGRIND] = {"valgrind", "valgrind does not support the rseq system call",
			    "Run without valgrind to use rseq. Under valgrind, programs work by their fallback."},
	[CAUSE_QEMU] = {"qemu", "qemu's user emulation does not support the rseq system call",
			"Run natively or in a virtual machine to use rseq."},
	[CAUSE_EMULATOR] = {"emulator", "the kernel announces rseq, but the system call fails and no seccomp filter is in force",
			    "Run outside of the emulator or sandbox to use rseq."},
	[CAUSE_FOREIGN] = {"foreign", "another component registered this thread with a private area, which rseqkit can't use",
			   "Find the preloaded or linked component that registers rseq itself. "
			   "Let the C library register instead."},
	[CAUSE_STRANGER] = {"stranger", "a component is loaded, for example librseq, which registers threads itself; rseqkit "
			    "therefore registers none, and the component has not registered this thread",
			    "If the component is librseq, make it register its threads: rseqkit then uses their areas. Or remove "
			    "glibc.pthread.rseq=0 from GLIBC_TUNABLES: rseqkit then uses the C library's areas, and librseq "
			    "does, too. Other components then have no rseq."},
	[CAUSE_TOLD] = {"told", "RSEQKIT_AREA tells rseqkit to register no threads, and no other component registered this one",
			"Start the program without RSEQKIT_AREA."},
	[CAUSE_SIGNATURE] =
		{"signature",
		 "the area is registered with another signature, so an abort of an rseqkit section would kill the process",
		 "Find the component that registers it, or use a C library with the usual signature of this architecture."},
	[CAUSE_NO_PORT] = {"no-port", "rseqkit has no critical sections for this architecture", NULL},
};

const char *doctor_cause_name(enum doctor_cause cause)
{
	return causes[cause].name;
}

static bool has_chosen_area(const struct doctor_facts *facts)
{
	return facts->own_area && facts->own_chosen;
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

/* The findings. The first row that applies is used. `owner` is an int, because an older library may lack the enumerator. */
static const struct {
	int owner;
	bool (*applies)(const struct doctor_facts *facts); /* NULL if the row always applies */
	const char *id;
	const char *message;
	const char *advice;
} owners[] = {
	{RK_OWNER_LIBC, NULL, "owner-libc",
	 "the C library registers every thread; rseqkit uses these areas and never unregisters them", NULL},
	{RK_OWNER_SELF, has_chosen_area, "owner-self-own",
	 "RSEQKIT_AREA=own is set, so rseqkit registers the threads that use it, in its own areas",
	 "Nothing to do. The area that the C library has but does not register stays unused."},
	{RK_OWNER_SELF, has_own_area, "owner-self-own",
	 "a preloaded object registers every thread at its start, in areas of rseqkit's own",
	 "Nothing to do. The area that the C library has but does not register stays unused."},
	{RK_OWNER_SELF, has_tunable, "owner-self-tunable",
	 "glibc.pthread.rseq=0 stops glibc from registering threads, so rseqkit registers those that use it, in glibc's area",
	 "To let glibc register threads, remove glibc.pthread.rseq=0 from GLIBC_TUNABLES. Keep it, and also set "
	 "RSEQKIT_AREA=own, for a program that installs a filter against rseq and creates threads later: glibc ends such a "
	 "program otherwise."},
	{RK_OWNER_SELF, has_spare_area, "owner-self",
	 "the C library has an area but registers no thread; rseqkit registers the threads that use it, in that area", NULL},
	{RK_OWNER_SELF, NULL, "owner-self",
	 "the C library doesn't register threads; rseqkit registers the threads that use it, in its own areas", NULL},
	{RK_OWNER_EARLY, has_tunable, "owner-early",
	 "a component defines __rseq_abi, as allocators with a per-CPU mode do; rseqkit shares that area with it",
	 "Nothing to do, but keep glibc.pthread.rseq=0. If the C library registers, the component works without rseq."},
	{RK_OWNER_EARLY, NULL, "owner-early",
	 "a component defines __rseq_abi, as allocators with a per-CPU mode do; rseqkit shares that area with it", NULL},
	{RK_OWNER_KERNEL, NULL, "owner-kernel",
	 "the kernel registers every thread itself (KTLS), in memory that rseqkit reserved", NULL},
	{RK_OWNER_LIBRSEQ, NULL, "owner-librseq",
	 "librseq registers the threads that ask it to; rseqkit uses these registrations and makes none", NULL},
};

static bool names_object(const struct doctor_facts *facts, size_t i)
{
	return owners[i].applies == has_own_area && facts->neighbours.area[0] != '\0';
}

static void conclude_usable(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++)
		if (owners[i].owner == (int)facts->owner &&
		    (owners[i].applies == NULL || owners[i].applies(facts))) {
			doctor_add(findings, SEVERITY_INFO, owners[i].id, owners[i].advice, "%s%s%s", owners[i].message,
				   names_object(facts, i) ? ": " : "", names_object(facts, i) ? facts->neighbours.area : "");
			return;
		}
	doctor_add(findings, SEVERITY_INFO, "owner-other", "Try a newer rseqkit, which may know the component.",
		   "the library names an owner of the area that this program doesn't know");
}

static void conclude_neighbours(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	const struct doctor_neighbours *neighbours = &facts->neighbours;

	if (neighbours->early[0] != '\0' && facts->process.libc_registers)
		doctor_add(findings, SEVERITY_INFO, "early-unused",
			   "Start the program with GLIBC_TUNABLES=glibc.pthread.rseq=0. Then rseqkit shares the component's "
			   "area.",
			   "%s defines __rseq_abi, but can't register it, because the C library registers every thread; an "
			   "allocator with a per-CPU mode, such as tcmalloc, then uses its slow mode", neighbours->early);
	if (neighbours->hidden[0] != '\0' && !facts->process.libc_registers)
		doctor_add(findings, SEVERITY_WARNING, "early-hidden",
			   "Export the symbol, or let the C library register.",
			   "%s has an __rseq_abi that other modules can't see, so rseqkit can't share it; in each thread only "
			   "one of the two can use rseq", neighbours->hidden);
}

/*
 * tcmalloc and librseq each register threads with an area of their own. tcmalloc ends the process if another component has
 * registered a thread. librseq does the same, if it has registered a thread before.
 */
static void conclude_conflict(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	const struct doctor_neighbours *neighbours = &facts->neighbours;
	const char *other = neighbours->early[0] != '\0' ? neighbours->early : neighbours->hidden;

	if (facts->process.libc_registers || neighbours->librseq[0] == '\0' || other[0] == '\0')
		return;
	doctor_add(findings, SEVERITY_WARNING, "neighbours-conflict",
		   facts->process.libc_area ? "Let the C library register threads: remove glibc.pthread.rseq=0 from "
					      "GLIBC_TUNABLES. Or load only one of the two." :
					      "Load only one of the two.",
		   "%s and %s both register threads, each with an area of its own; either can end the process if the other "
		   "has registered a thread, with or without rseqkit", other, neighbours->librseq);
}

/* If a thread is registered in glibc's area, glibc also registers each thread that it creates. If that fails, glibc aborts. */
static void conclude_threads(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	const bool libc = facts->owner == RK_OWNER_LIBC;

	if (facts->threads_live != ANSWER_NO)
		return;
	if (facts->seccomp <= 0 || !(libc || (facts->owner == RK_OWNER_SELF && facts->process.libc_area && !facts->own_area)))
		doctor_add(findings, SEVERITY_WARNING, "new-thread-dies",
			   "Read what the process writes to its standard error when it creates a thread.",
			   "the process is aborted when this thread creates another one");
	else
		doctor_add(findings, SEVERITY_WARNING, "new-thread-dies",
			   libc ? "Allow rseq in the filter. Or set glibc.pthread.rseq=0 in GLIBC_TUNABLES, and RSEQKIT_AREA=own "
				  "or RSEQKIT_AREA=others: then glibc registers no thread." :
				  "Allow rseq in the filter. Or set RSEQKIT_AREA=own or RSEQKIT_AREA=others: then glibc registers "
				  "no thread.",
			   "a seccomp filter came after this thread's registration, and refuses rseq; glibc ends the process when "
			   "this thread creates another one");
}

void doctor_conclude_owner(const struct doctor_facts *facts, struct doctor_findings *findings)
{
	if (facts->cause != CAUSE_NONE)
		doctor_add(findings, SEVERITY_ERROR, "no-rseq", causes[facts->cause].advice,
			   "%s; data structures use their fallback", causes[facts->cause].message);
	else
		conclude_usable(facts, findings);
	conclude_threads(facts, findings);
	conclude_neighbours(facts, findings);
	conclude_conflict(facts, findings);
	/*
	 * Under valgrind or qemu a different owner is no finding, because the fresh process isn't always emulated.
	 */
	if (facts->cause != CAUSE_VALGRIND && facts->cause != CAUSE_QEMU && facts->fresh_owner[0] != '\0' &&
	    strcmp(facts->fresh_owner, rk_owner_name(facts->owner)) != 0)
		doctor_add(findings, SEVERITY_WARNING, "fresh-process-differs",
			   "Compare how the two processes were started. Preloaded libraries or filters may differ.",
			   "a fresh process with the same environment has owner %s, but this process has owner %s",
			   facts->fresh_owner, rk_owner_name(facts->owner));
}
