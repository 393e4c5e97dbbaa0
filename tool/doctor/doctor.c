/* SPDX-License-Identifier: MIT */
/* doctor.c - `rseqkit doctor`: reads the options, and prints facts and findings as text. doctor_json.c prints JSON. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "common/options.h"
#include "common/output.h"
#include "tool.h"

static const char *answer_text(enum answer answer)
{
	return answer == ANSWER_YES ? "yes" : answer == ANSWER_NO ? "no" : "unknown";
}

/* Prints one fact, "NAME: VALUE". Breaks the line if it is too long, and indents its further parts. */
#define FACT(...) print_line(stdout, 0, 4, __VA_ARGS__)

/*
 * Prints the answer for the registration in force, such as "yes". If the answer at full size differs, prints both: "yes (at
 * full size: no)".
 */
static void print_answers(const char *what, enum answer present, enum answer full)
{
	FACT("%s: %s%s%s%s", what, answer_text(present), full != present ? " (at full size: " : "",
	     full != present ? answer_text(full) : "", full != present ? ")" : "");
}

/* Returns the mode that a registration of full size would have. */
static const char *mode_at_full_size(const struct doctor_facts *facts)
{
	if (facts->optimised == ANSWER_NO && facts->full_accepted == ANSWER_NO)
		return "the kernel refuses the full size";
	if (facts->optimised == ANSWER_NO)
		return "this kernel has no optimised mode";
	return facts->optimised == ANSWER_YES ? "at full size: optimised" : "at full size: unknown";
}

static void print_mode(const struct doctor_facts *facts)
{
	if (facts->mode == MODE_OPTIMISED)
		FACT("mode: optimised");
	else
		FACT("mode: %s (%s)", facts->mode == MODE_LEGACY ? "legacy" : "unknown", mode_at_full_size(facts));
}

static void print_kernel(const struct doctor_facts *facts)
{
	const struct doctor_behaviour *present = &facts->present, *full = &facts->full;

	print_answers("slice extension", present->slice.enabled, full->slice.enabled);
	FACT("  in this thread: %s", rk_slice_reason_text(facts->slice_reason));
	print_answers("  kernel has the request", present->slice.known, full->slice.known);
	print_answers("  kernel grants time", present->slice.granted, full->slice.granted);
	FACT("kernel registers threads itself (KTLS): %s", answer_text(facts->ktls));
	print_answers("CPU ids rewritten at every switch", present->ids_rewritten, full->ids_rewritten);
	print_answers("writing to a CPU id kills the process", present->ids_guarded, full->ids_guarded);
	puts("critical sections aborted by");
	for (int event = 0; event < EVENTS; event++) {
		char what[32];

		snprintf(what, sizeof(what), "  %s", doctor_event_name((enum doctor_event)event));
		print_answers(what, present->aborts[event], full->aborts[event]);
	}
}

static const char *or_unknown(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : "unknown";
}

static void print_facts(const struct doctor_facts *facts)
{
	fputs("rseq: ", stdout);
	if (facts->cause == CAUSE_NONE)
		print_coloured(COLOUR_GREEN, "usable");
	else
		print_coloured(COLOUR_RED, "not usable");
	putchar('\n');
	if (facts->cause == CAUSE_SECCOMP)
		FACT("reason: %s", doctor_cause_name(facts->cause)); /* RK_REASON_FOREIGN would mislead: see environment.c */
	else if (facts->cause != CAUSE_NONE)
		FACT("reason: %s (%s)", doctor_cause_name(facts->cause), rk_reason_text(facts->reason));
	FACT("kernel: %s %s", or_unknown(facts->kernel.release), or_unknown(facts->kernel.machine));
	FACT("owner: %s (in a fresh process: %s)", rk_owner_name(facts->owner), or_unknown(facts->fresh_owner));
	FACT("C library: %s %s, %s", or_unknown(facts->libc_name), or_unknown(facts->libc_version),
	     facts->process.libc_registers ? "registers every thread"
	     : facts->process.libc_area    ? "has an area but registers no thread"
					   : "has no area");
	if (doctor_size_known(facts))
		FACT("feature size: %u bytes, aligned to %u%s", facts->process.feature_size, facts->process.alignment,
		     facts->announced ? "" : " (the original size: the kernel announces none)");
	else
		FACT("feature size: unknown (the kernel announces none)");
	if (facts->cause == CAUSE_NONE) {
		FACT("registered: %u bytes, of which %u are valid", facts->process.length, facts->process.valid);
		print_mode(facts);
		FACT("kernel accepts the full size: %s", answer_text(facts->full_accepted));
		FACT("concurrency id: %s", answer_text(facts->mm_cid));
		FACT("NUMA node id: %s", answer_text(facts->node_id));
		print_kernel(facts);
	}
	FACT("membarrier for rseq: %s (for one CPU: %s)", answer_text(facts->membarrier), answer_text(facts->membarrier_cpu));
	FACT("seccomp: %s", facts->seccomp == 0   ? "none"
			    : facts->seccomp == 1 ? "strict"
			    : facts->seccomp == 2 ? "filter"
						  : "unknown");
	if (facts->cpus_listed)
		FACT("possible CPUs: %d, highest number %d", facts->possible_cpus, facts->highest_cpu);
	else if (facts->cpu_list[0] != '\0')
		FACT("possible CPUs: unknown (the kernel's list can't be right: %s)", facts->cpu_list);
	else
		FACT("possible CPUs: unknown (the kernel's list can't be read)");
	putchar('\n');
}

static bool is_unsure(const struct doctor_facts *facts)
{
	return facts->failed_probes[0] != '\0' || !facts->has_proc;
}

static bool needs_action(const struct doctor_finding *finding)
{
	return finding->severity != SEVERITY_INFO;
}

/* Prints the most important thing to do: the advice of the first error, or else of the first warning. */
static void print_conclusion(const struct doctor_facts *facts, const struct doctor_findings *findings)
{
	const struct doctor_finding *first = NULL;
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++) {
		const struct doctor_finding *finding = &findings->list[i];

		count += needs_action(finding);
		if (needs_action(finding) && (first == NULL || finding->severity > first->severity))
			first = finding;
	}
	putchar('\n');
	if (first != NULL)
		print_line(stdout, 0, 0, "%zu finding%s action. %s [%s]: %s", count, count == 1 ? " needs" : "s need",
			   count == 1 ? "See" : "First", first->id,
			   first->advice != NULL ? first->advice : "Nothing can be done here.");
	else if (is_unsure(facts))
		print_line(stdout, 0, 0, "rseq works here, but some tests were impossible. See [%s].",
			   facts->failed_probes[0] != '\0' ? "probe-failed" : "no-proc");
	else
		print_line(stdout, 0, 0, "Nothing to do: rseq works here.");
}

static void print_text(const struct doctor_facts *facts, const struct doctor_findings *findings)
{
	static const enum colour colours[] = {
		[SEVERITY_INFO] = COLOUR_BOLD, [SEVERITY_WARNING] = COLOUR_YELLOW, [SEVERITY_ERROR] = COLOUR_RED};

	print_facts(facts);
	for (size_t i = 0; i < findings->count; i++) {
		const struct doctor_finding *finding = &findings->list[i];

		print_coloured(colours[finding->severity], doctor_severity_name(finding->severity));
		print_line(stdout, (int)strlen(doctor_severity_name(finding->severity)), 2, ": %s [%s]", finding->message,
			   finding->id);
		if (finding->advice != NULL)
			print_line(stdout, 0, 0, "      %s", finding->advice);
	}
	print_conclusion(facts, findings);
}

/* Returns the exit status. A finding that needs action is more important than an unknown answer. */
static int exit_status(const struct doctor_facts *facts, const struct doctor_findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		if (needs_action(&findings->list[i]))
			return EXIT_FINDINGS;
	return is_unsure(facts) ? EXIT_UNSURE : EXIT_CLEAN;
}

#ifdef RK_SMALL_TOOL
static const bool has_json = false;
#define PRINT_JSON print_text /* run() never calls PRINT_JSON, because has_json is false */
#else
static const bool has_json = true;
#define PRINT_JSON doctor_print_json
#endif

static int run(bool json)
{
	struct doctor_facts facts;
	struct doctor_findings findings;

	if (json && !has_json) {
		complain("this rseqkit has no JSON: it was built without the libraries json-c, libdw, libelf and capstone");
		return EXIT_USAGE;
	}
	doctor_examine(&facts);
	doctor_conclude(&facts, &findings);
	(json ? PRINT_JSON : print_text)(&facts, &findings);
	return exit_status(&facts, &findings);
}

static int print_owner(int to)
{
	(void)rk_thread_prepare();
	(void)dprintf(to, "\n" DOCTOR_FRESH_ANSWER "%s\n", rk_owner_name(rk_thread_owner()));
	return EXIT_CLEAN;
}

int cmd_doctor(const struct command *command, int argc, char **argv)
{
	bool json = false;
	int option;

	/* This internal option isn't in the table of options, because getopt_long() would also accept abbreviations of it. */
	if (argc == 2 && strncmp(argv[1], DOCTOR_FRESH_OPTION, strlen(DOCTOR_FRESH_OPTION)) == 0)
		return print_owner(atoi(argv[1] + strlen(DOCTOR_FRESH_OPTION)));
	while ((option = option_next(command, argc, argv)) != -1) {
		switch (option) {
		case 'j':
			json = true;
			break;
		case 'h':
			return option_help(command);
		default:
			return option_misuse(command);
		}
	}
	if (optind < argc) {
		complain("unexpected argument '%s'", argv[optind]);
		return option_misuse(command);
	}
	return run(json);
}
