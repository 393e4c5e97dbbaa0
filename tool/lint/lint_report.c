/* SPDX-License-Identifier: MIT */
/* lint_report.c - prints the findings of one file, as text or as JSON. */
#include "lint_report.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/output.h"
#include "common/source.h"

/* Writes an address as symbol+offset (source:line). The names come from the file, so only printable characters are kept. */
static void print_place(char *text, size_t size, const struct check *check, uint64_t address)
{
	const struct symbol *symbol = image_symbol(check->image, address);
	char name[256], source[256];
	int line = 0, used;
	const char *file = lines_find(check->lines, address, &line);

	source_name(name, sizeof(name), symbol != NULL ? symbol->name : NULL);
	copy_printable(source, sizeof(source), file);
	used = symbol != NULL ? snprintf(text, size, "%s+0x%" PRIx64, name, address - symbol->address)
			      : snprintf(text, size, "0x%" PRIx64, address);
	if (file != NULL && used > 0 && (size_t)used < size)
		snprintf(text + used, size - (size_t)used, " (%s:%d)", source, line);
}

static void put_address(json_object *object, const char *key, uint64_t address)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	json_put_string(object, key, text);
}

/* Adds symbol, offset, source file and line of an address. */
static void put_place(json_object *object, const struct check *check, uint64_t address)
{
	const struct symbol *symbol = image_symbol(check->image, address);
	char text[256];
	int line = 0;
	const char *file = lines_find(check->lines, address, &line);

	source_name(text, sizeof(text), symbol != NULL ? symbol->name : NULL);
	json_put_string(object, "symbol", symbol != NULL ? text : NULL);
	json_put(object, "offset", symbol != NULL ? json_object_new_uint64(address - symbol->address) : NULL);
	copy_printable(text, sizeof(text), file);
	json_put_string(object, "file", file != NULL ? text : NULL);
	json_put(object, "line", file != NULL ? json_object_new_int(line) : NULL);
}

static json_object *finding_object(const struct check *check, const struct finding *finding)
{
	json_object *object = json_new();

	json_put_string(object, "id", finding->rule->id);
	json_put_string(object, "severity", finding->rule->error ? "error" : "note");
	put_address(object, "address", finding->address);
	put_place(object, check, finding->address);
	json_put_string(object, "text", finding->text);
	return object;
}

void report_begin(struct report *report)
{
	if (report->settings->json)
		report->sections = json_new_array();
}

static void put_how(json_object *object, unsigned how)
{
	json_object *list = json_new_array();

	if ((how & FOUND_SECTION) != 0)
		json_add(list, json_object_new_string("__rseq_cs"));
	if ((how & FOUND_POINTERS) != 0)
		json_add(list, json_object_new_string("__rseq_cs_ptr_array"));
	if ((how & FOUND_SCAN) != 0)
		json_add(list, json_object_new_string("scan"));
	json_put(object, "how", list);
}

void report_end(struct report *report, const struct check *check)
{
	json_object *object;

	if (!report->settings->json) {
		/* This note is printed once for the file, because each section with a jump out of it would have the same one. */
		if (report->settings->all && report->has_way_out && (check->found.how & FOUND_POINTERS) != 0 &&
		    !check->found.has_exits)
			print_unbroken(report->out,
				       "%s: [exit] the file has no __rseq_exit_point_array, so debuggers don't know ways out",
				       report->name);
		return;
	}
	object = json_new();
	json_put_string(object, "path", report->name);
	json_put_string(object, "arch", check->image->arch->name);
	put_how(object, check->found.how);
	json_put(object, "sections", report->sections);
	fputs(json_text(object), report->out);
	json_object_put(object);
}

void report_section(struct report *report, const struct check *check, const struct section *section,
		    const struct findings *findings)
{
	json_object *object, *list;

	for (size_t i = 0; i < section->count; i++)
		report->has_way_out |= section->nodes[i].jump == EDGE_OUT && section->nodes[i].insn.target != section->abort;
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];
		char place[640];

		report->errors += finding->rule->error;
		if (report->settings->json || (!finding->rule->error && !report->settings->all))
			continue;
		print_place(place, sizeof(place), check, finding->address);
		print_unbroken(report->out, "%s: %s: [%s] %s%s", report->name, place, finding->rule->id,
			       finding->rule->error ? "" : "note: ", finding->text);
	}
	if (!report->settings->json)
		return;
	object = json_new();
	put_place(object, check, section->start);
	put_address(object, "start", section->start);
	json_put(object, "length", json_object_new_uint64(section->descriptor->length));
	put_address(object, "abort", section->abort);
	json_put(object, "instructions", json_object_new_uint64(section->count));
	list = json_new_array();
	for (size_t i = 0; i < findings->count; i++)
		if (findings->list[i].rule->error || report->settings->all)
			json_add(list, finding_object(check, &findings->list[i]));
	json_put(object, "findings", list);
	json_add(report->sections, object);
}

static void print_object(json_object *object, FILE *out)
{
	fputs(json_text(object), out);
	json_object_put(object);
}

void report_failure(const struct lint_settings *settings, FILE *out, const char *name, const char *why)
{
	json_object *object;

	if (!settings->json)
		return;
	object = json_new();
	json_put_string(object, "path", name);
	json_put_string(object, "error", why);
	print_object(object, out);
}

void report_nothing(const struct lint_settings *settings, FILE *out, const char *name)
{
	json_object *object;

	if (!settings->json)
		return;
	object = json_new();
	json_put_string(object, "path", name);
	json_put(object, "sections", json_new_array());
	print_object(object, out);
}
