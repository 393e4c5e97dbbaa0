/* SPDX-License-Identifier: MIT */
/*
 * torture_report.c - prints the report of `rseqkit torture`: which instructions were reached and aborted, and the violations. A
 * violation is a store whose change other threads can see before the section's commit.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/json.h"
#include "common/output.h"
#include "torture.h"

/* The counts of one section. */
struct sum {
	uint64_t instructions, reached, idle, injected, confirmed, migrated;
	uint64_t reached_instructions, covered;
};

static struct sum sum_of(const struct torture_settings *settings, const struct module *module, uint32_t section)
{
	struct sum sum = {0, 0, 0, 0, 0, 0, 0, 0};

	for (uint32_t i = catalog_find(module, module->sections[section].start); i < module->insn_count; i++) {
		const struct torture_insn *insn = &module->insns[i];

		if (insn->address >= module->sections[section].end)
			break;
		if (insn->section != section)
			continue;
		sum.instructions++;
		sum.reached_instructions += insn->reached > 0;
		sum.covered += catalog_is_covered(settings, insn);
		sum.reached += insn->reached;
		sum.idle += insn->idle;
		sum.injected += insn->injected;
		sum.confirmed += insn->confirmed;
		sum.migrated += insn->migrated;
	}
	return sum;
}

static const char *name_of(const struct module *module)
{
	const char *slash = strrchr(module->path, '/');

	return slash != NULL ? slash + 1 : module->path;
}

static void put_hex(json_object *object, const char *key, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, number);
	json_put_string(object, key, text);
}

static json_object *section_object(const struct torture_settings *settings, const struct module *module, uint32_t number)
{
	const struct torture_section *section = &module->sections[number];
	const struct sum sum = sum_of(settings, module, number);
	json_object *object = json_new(), *missed = json_new_array();
	json_object *offsets = json_new_array();
	char path[1024];

	copy_printable(path, sizeof(path), module->path);
	json_put_string(object, "path", path);
	json_put_string(object, "symbol", section->symbol);
	json_put_string(object, "source", section->source[0] != '\0' ? section->source : NULL);
	put_hex(object, "start", section->start);
	json_put_number(object, "length", section->end - section->start);
	json_put_number(object, "instructions", sum.instructions);
	json_put_number(object, "reached", sum.reached_instructions);
	json_put_number(object, "covered", sum.covered);
	json_put_number(object, "unprotected", sum.idle);
	json_put_number(object, "injected", sum.injected);
	json_put_number(object, "confirmed", sum.confirmed);
	json_put_number(object, "migrated", sum.migrated);
	for (uint32_t i = catalog_find(module, section->start); i < module->insn_count && module->insns[i].address < section->end; i++) {
		uint64_t offset = module->insns[i].address - section->start;

		if (module->insns[i].section != number)
			continue;
		json_add(offsets, json_object_new_uint64(offset));
		if (!catalog_is_covered(settings, &module->insns[i]))
			json_add(missed, json_object_new_uint64(offset));
	}
	json_put(object, "offsets", offsets);
	json_put(object, "missed", missed);
	return object;
}

static json_object *violation_object(const struct violation *violation)
{
	const struct torture_insn *insn = &violation->module->insns[violation->insn];
	const struct torture_section *section = &violation->module->sections[insn->section];
	json_object *object = json_new();
	char path[1024];

	copy_printable(path, sizeof(path), violation->module->path);
	json_put_string(object, "path", path);
	json_put_string(object, "symbol", section->symbol);
	json_put_number(object, "offset", insn->address - section->start);
	json_put_string(object, "source", insn->source[0] != '\0' ? insn->source : NULL);
	json_put(object, "sure", json_object_new_boolean(violation->sure));
	put_hex(object, "address", violation->address);
	json_put_number(object, "bytes", violation->width);
	put_hex(object, "before", violation->before);
	put_hex(object, "after", violation->after);
	return object;
}

static void print_json(const struct torture_settings *settings, const struct torture_result *result, FILE *out)
{
	json_object *object = json_new(), *sections = json_new_array(), *violations = json_new_array();
	json_object *program = json_new(), *problems = json_new_array();

	json_put_string(object, "schema", "rseqkit.torture/1");
	json_put_string(object, "way", "outside");
	json_put(program, "status",
		 result->ended && WIFEXITED(result->status) ? json_object_new_int(WEXITSTATUS(result->status)) : NULL);
	json_put(program, "signal",
		 result->ended && WIFSIGNALED(result->status) ? json_object_new_int(WTERMSIG(result->status)) : NULL);
	json_put_number(program, "processes", result->processes);
	json_put_number(program, "threads", result->threads);
	json_put(object, "program", program);
	json_put_number(object, "injected", result->injected);
	json_put_number(object, "confirmed", result->confirmed);
	json_put_number(object, "not_aborted", result->refused);
	json_put_number(object, "unprotected", result->idle);
	json_put_number(object, "migrated", result->migrated);
	json_put_number(object, "not_migrated", result->unmigrated);
	json_put_number(object, "spared", result->spared);
	json_put_number(object, "let_go", result->tracing);
	json_put_seconds(object, "seconds", result->seconds);
	for (const struct module *module = result->modules; module != NULL; module = module->next) {
		for (uint32_t i = 0; i < module->section_count; i++)
			json_add(sections, section_object(settings, module, i));
		if (module->problem != NULL) {
			char path[1024];

			copy_printable(path, sizeof(path), module->path);
			json_add(problems, json_object_new_string(path));
		}
	}
	for (const struct violation *violation = result->violations; violation != NULL; violation = violation->next)
		json_add(violations, violation_object(violation));
	json_put(object, "sections", sections);
	json_put(object, "violations", violations);
	json_put(object, "unreadable", problems);
	fputs(json_text(object), out);
	fputc('\n', out);
	json_object_put(object);
}

static void print_violations(const struct torture_settings *settings, const struct torture_result *result, FILE *out)
{
	for (const struct violation *violation = result->violations; violation != NULL; violation = violation->next) {
		const struct torture_insn *insn = &violation->module->insns[violation->insn];
		const struct torture_section *section = &violation->module->sections[insn->section];
		bool counts = violation->sure || settings->strict;

		print_line(out, 0, 2,
			   "%s%s: section %s, at +0x%" PRIx64 "%s%s%s: %u bytes at 0x%" PRIx64 " changed from 0x%" PRIx64 " to 0x%" PRIx64
			   " before the commit; an abort then leaves the change%s",
			   counts ? "Wrong: " : "Note: ", name_of(violation->module), section->symbol, insn->address - section->start,
			   insn->source[0] != '\0' ? " (" : "", insn->source, insn->source[0] != '\0' ? ")" : "",
			   (unsigned)violation->width, violation->address, violation->before, violation->after,
			   counts ? "" : ". The file doesn't declare which stores are private, so this may be right");
	}
}

static void print_table(const struct torture_settings *settings, const struct torture_result *result, FILE *out)
{
	bool head = false;

	for (const struct module *module = result->modules; module != NULL; module = module->next) {
		for (uint32_t i = 0; i < module->section_count; i++) {
			const struct sum sum = sum_of(settings, module, i);

			if (sum.reached == 0)
				continue;
			if (!head)
				fprintf(out, "%12s %8s %8s %9s  %s\n", "instructions", "reached", settings->reach ? "-" : "aborts",
				       settings->reach ? "-" : "confirmed", "section");
			head = true;
			print_unbroken(out, "%12" PRIu64 " %8" PRIu64 " %8" PRIu64 " %9" PRIu64 "  %s: %s%s%s%s", sum.instructions,
				       sum.reached_instructions, sum.injected, sum.confirmed, name_of(module),
				       module->sections[i].symbol, module->sections[i].source[0] != '\0' ? " (" : "",
				       module->sections[i].source, module->sections[i].source[0] != '\0' ? ")" : "");
		}
	}
	if (head)
		fputc('\n', out);
}

static void print_unreached(const struct torture_settings *settings, const struct torture_result *result, FILE *out, uint64_t count)
{
	if (count == 0)
		return;
	fprintf(out, "Never reached (%" PRIu64 "):\n", count);
	for (const struct module *module = result->modules; module != NULL; module = module->next)
		for (uint32_t i = 0; i < module->section_count; i++)
			if (sum_of(settings, module, i).reached == 0)
				print_unbroken(out, "  %s: %s", name_of(module), module->sections[i].symbol);
	fputc('\n', out);
}

static void print_end(const struct torture_result *result, FILE *out)
{
	if (!result->ended)
		fprintf(out, "The program goes on.\n");
	else if (WIFSIGNALED(result->status))
		fprintf(out, "The program was killed by signal %d (%s).\n", WTERMSIG(result->status), strsignal(WTERMSIG(result->status)));
	else
		fprintf(out, "The program ended with status %d.\n", WEXITSTATUS(result->status));
}

static void print_text(const struct torture_settings *settings, const struct torture_result *result, FILE *out)
{
	struct sum all = {0, 0, 0, 0, 0, 0, 0, 0};
	uint64_t sections = 0, reached = 0;

	for (const struct module *module = result->modules; module != NULL; module = module->next) {
		for (uint32_t i = 0; i < module->section_count; i++) {
			const struct sum sum = sum_of(settings, module, i);

			sections++;
			reached += sum.reached > 0;
			all.instructions += sum.reached > 0 ? sum.instructions : 0;
			all.reached_instructions += sum.reached_instructions;
			all.covered += sum.covered;
		}
		if (module->problem != NULL)
			print_line(out, 0, 2, "%s: %s; its sections are not covered", module->path, module->problem);
	}
	print_table(settings, result, out);
	print_unreached(settings, result, out, sections - reached);
	print_violations(settings, result, out);
	print_line(out, 0, 2,
		   "%" PRIu64 " of %" PRIu64 " sections were reached, and in them %" PRIu64 " of %" PRIu64 " instructions.", reached,
		   sections, all.reached_instructions, all.instructions);
	if (!settings->reach) {
		print_line(out, 0, 2,
			   "%" PRIu64 " aborts were made, and %" PRIu64 " confirmed; %" PRIu64 " of %" PRIu64
			   " reached instructions are covered.",
			   result->injected, result->confirmed, all.covered, all.reached_instructions);
		if (result->refused > 0)
			print_line(out, 0, 2, "%" PRIu64 " stops in a section didn't abort it.", result->refused);
	}
	if (result->idle > 0)
		print_line(out, 0, 2,
			   "%" PRIu64 " times a thread without protection came to an instruction, for example a thread without a "
			   "registration.",
			   result->idle);
	if (settings->migrate)
		print_line(out, 0, 2,
			   "%" PRIu64 " times another thread passed the section on the old CPU; %" PRIu64 " times none did.",
			   result->migrated, result->unmigrated);
	if (result->tracing > 0)
		print_line(out, 0, 2,
			   "%" PRIu64 " times a process was let go, because the program called ptrace() to trace it; a process can have "
			   "only one tracer.",
			   result->tracing);
	if (result->lacked)
		print_line(out, 0, 2,
			   "At some moment a file could not be read, because too few descriptors (ulimit -n) or too little memory was "
			   "left. Its sections may not be covered.");
	if (result->closed > 0)
		print_line(out, 0, 2,
			   "In %" PRIu64 " processes nothing was aborted, because the tool may not read their memory: their "
			   "programs are unreadable or privileged.",
			   result->closed);
	if (result->spared > 0)
		print_line(out, 0, 2,
			   "In %" PRIu64 " processes the torture ended early, because the program handles or ignores SIGTRAP, or closes "
			   "its memory.",
			   result->spared);
	print_end(result, out);
}

void torture_print(const struct torture_settings *settings, const struct torture_result *result, FILE *out)
{
	if (settings->json)
		print_json(settings, result, out);
	else
		print_text(settings, result, out);
}
