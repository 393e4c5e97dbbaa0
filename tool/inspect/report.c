/* SPDX-License-Identifier: MIT */
/* report.c - one look at a process, as a table for people or as JSON for programs. */
#include "inspect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/output.h"
#include "tool.h"

static const char *const owner_names[] = {
	[OWNER_NONE] = "none",       [OWNER_LIBC] = "libc",       [OWNER_SELF] = "self",       [OWNER_EARLY] = "early",
	[OWNER_LIBRSEQ] = "librseq", [OWNER_KERNEL] = "kernel",   [OWNER_FOREIGN] = "foreign", [OWNER_UNKNOWN] = "unknown",
};

/* Fields of the area that are numbers of the kernel; each with where it ends. */
static const struct field {
	const char *key;
	size_t offset;
	uint32_t end;
} fields[] = {
	{"cpu_id", offsetof(struct rk_area, cpu_id), 8},
	{"cpu_id_start", offsetof(struct rk_area, cpu_id_start), 4},
	{"node_id", offsetof(struct rk_area, node_id), RK_FIELD_END_NODE_ID},
	{"mm_cid", offsetof(struct rk_area, mm_cid), RK_FIELD_END_MM_CID},
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

/* false if the field isn't valid there. */
static bool field_value(const struct inspect_look *look, const struct inspect_thread *thread, const struct field *field,
			int32_t *value)
{
	if (inspect_valid_bytes(look, thread) < field->end)
		return false;
	memcpy(value, thread->answer.area + field->offset, sizeof(*value));
	return true;
}

/* Larger registrations are legacy or optimised; the kernel tells that to nobody. */
static const char *mode_name(const struct inspect_answer *answer)
{
	return answer->size == RK_AREA_LENGTH_ORIGINAL ? "legacy" : NULL;
}

static const char *section_state(const struct inspect_answer *answer)
{
	return !answer->has_descriptor ? "unreadable" : inspect_is_active(answer) ? "active" : "left-over";
}

/* SYMBOL+0xOFFSET (FILE:LINE), or as much of it as there is. */
static void print_place(const struct inspect_place *place, uint64_t address)
{
	if (place->symbol[0] != '\0')
		printf("%s+0x%" PRIx64, place->symbol, place->offset);
	else
		printf("0x%" PRIx64, address);
	if (place->line != 0)
		printf(" (%s:%d)", place->file, place->line);
	else if (place->module[0] != '\0')
		printf(" (%s)", place->module);
}

static void print_section(const struct inspect_look *look, size_t number)
{
	const struct inspect_answer *answer = &look->threads[number].answer;

	printf("%d: %s section", (int)look->threads[number].tid, section_state(answer));
	if (answer->has_descriptor) {
		fputs(" at ", stdout);
		print_place(&look->files->sections[number].start, answer->descriptor.start_ip);
		printf(", %" PRIu64 " bytes, abort at ", answer->descriptor.post_commit_offset);
		print_place(&look->files->sections[number].abort, answer->descriptor.abort_ip);
	} else {
		printf(", descriptor at 0x%" PRIx64, answer->rseq_cs);
	}
	putchar('\n');
}

static void print_thread(const struct inspect_look *look, const struct inspect_thread *thread)
{
	static const enum colour colours[] = {
		[OWNER_NONE] = COLOUR_NONE,     [OWNER_LIBC] = COLOUR_GREEN,  [OWNER_SELF] = COLOUR_GREEN,
		[OWNER_EARLY] = COLOUR_GREEN,   [OWNER_FOREIGN] = COLOUR_RED, [OWNER_UNKNOWN] = COLOUR_YELLOW,
		[OWNER_LIBRSEQ] = COLOUR_GREEN, [OWNER_KERNEL] = COLOUR_GREEN};
	const struct inspect_answer *answer = &thread->answer;
	char owner[16];

	printf("%-8d %-15.15s ", (int)thread->tid, thread->status.name);
	snprintf(owner, sizeof(owner), "%-8s", owner_names[thread->owner]);
	print_coloured(colours[thread->owner], owner);
	if (answer->address != 0) {
		const char *mode = mode_name(answer);

		printf(" 0x%-16" PRIx64 " %4" PRIu32 " 0x%08" PRIx32 " %-7s", answer->address, answer->size,
		       answer->signature, mode != NULL ? mode : "?");
		for (size_t i = 0; i < FIELDS; i++) {
			int32_t value;

			if (field_value(look, thread, &fields[i], &value))
				printf(" %5" PRId32, value);
			else
				printf(" %5s", "-");
		}
	}
	putchar('\n');
}

void inspect_print_text(const struct inspect_look *look)
{
	pid_t first = 0;

	printf("process %d (%s): %zu %s, feature size %" PRIu32 "%s\n\n", (int)look->pid, look->name, look->count,
	       look->count == 1 ? "thread" : "threads", look->feature_size,
	       look->announced ? "" : " (nothing announced: the original)");
	printf("%-8s %-15s %-8s %-18s %4s %-10s %-7s %5s %5s %5s %5s\n", "THREAD", "NAME", "OWNER", "AREA", "SIZE",
	       "SIGNATURE", "MODE", "CPU", "START", "NODE", "CID");
	for (size_t i = 0; i < look->count; i++)
		print_thread(look, &look->threads[i]);
	putchar('\n');
	for (size_t i = 0; i < look->count; i++)
		if (look->threads[i].answer.has_area && look->threads[i].answer.rseq_cs != 0)
			print_section(look, i);
	for (size_t i = 0; i < inspect_findings_count; i++) {
		const struct inspect_finding *finding = &inspect_findings[i];
		size_t count = inspect_finding_threads(look, finding, &first);

		if (count == 0)
			continue;
		print_coloured(finding->severity[0] == 'w' ? COLOUR_YELLOW : COLOUR_BOLD, finding->severity);
		printf(": thread %d", (int)first);
		if (count > 1)
			printf(" and %zu more", count - 1);
		printf(": %s [%s]\n", finding->message, finding->id);
	}
}

static void put_hex(json_object *object, const char *key, uint64_t value, int digits)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%0*" PRIx64, digits, value);
	json_put_string(object, key, text);
}

static json_object *place_object(const struct inspect_place *place, uint64_t address)
{
	json_object *object = json_new();

	put_hex(object, "address", address, 1);
	json_put_string(object, "symbol", place->symbol[0] != '\0' ? place->symbol : NULL);
	json_put(object, "offset", place->symbol[0] != '\0' ? json_object_new_uint64(place->offset) : NULL);
	json_put_string(object, "module", place->module[0] != '\0' ? place->module : NULL);
	json_put_string(object, "file", place->line != 0 ? place->file : NULL);
	json_put(object, "line", place->line != 0 ? json_object_new_int(place->line) : NULL);
	return object;
}

static json_object *section_object(const struct inspect_look *look, size_t number)
{
	const struct inspect_answer *answer = &look->threads[number].answer;
	json_object *object = json_new();

	put_hex(object, "descriptor", answer->rseq_cs, 1);
	json_put_string(object, "state", section_state(answer));
	json_put(object, "length",
		 answer->has_descriptor ? json_object_new_uint64(answer->descriptor.post_commit_offset) : NULL);
	json_put(object, "start",
		 answer->has_descriptor ? place_object(&look->files->sections[number].start, answer->descriptor.start_ip) : NULL);
	json_put(object, "abort",
		 answer->has_descriptor ? place_object(&look->files->sections[number].abort, answer->descriptor.abort_ip) : NULL);
	return object;
}

/* What was learned of the registration, for a thread that has one. */
static void put_registration(json_object *object, const struct inspect_look *look, const struct inspect_thread *thread)
{
	const struct inspect_answer *answer = &thread->answer;
	bool has_section = answer->has_area && answer->rseq_cs != 0;

	put_hex(object, "address", answer->address, 1);
	json_put(object, "offset", json_object_new_int64((int64_t)(answer->address - answer->thread_pointer)));
	json_put_number(object, "size", answer->size);
	put_hex(object, "signature", answer->signature, 8);
	json_put_string(object, "mode", mode_name(answer));
	for (size_t i = 0; i < FIELDS; i++) {
		int32_t value;
		bool valid = field_value(look, thread, &fields[i], &value);

		json_put(object, fields[i].key, valid ? json_object_new_int(value) : NULL);
	}
	json_put(object, "flags", answer->has_area ? json_object_new_int64(answer->flags) : NULL);
	json_put(object, "section", has_section ? section_object(look, (size_t)(thread - look->threads)) : NULL);
}

static json_object *thread_object(const struct inspect_look *look, const struct inspect_thread *thread)
{
	static const char *const registration[] = {"address", "offset", "size",  "signature", "mode",
						   "cpu_id",  "cpu_id_start", "node_id", "mm_cid", "flags", "section"};
	json_object *object = json_new();

	json_put_number(object, "tid", (uint64_t)thread->tid);
	json_put_string(object, "name", thread->status.name);
	json_put_string(object, "owner", owner_names[thread->owner]);
	if (thread->answer.address != 0)
		put_registration(object, look, thread);
	else
		for (size_t i = 0; i < sizeof(registration) / sizeof(registration[0]); i++)
			json_put(object, registration[i], NULL);
	if (thread->outcome == ASK_ANSWERED && !thread->kept)
		json_put_seconds(object, "stopped_seconds", thread->answer.stopped);
	else
		json_put(object, "stopped_seconds", NULL);
	return object;
}

static json_object *findings_array(const struct inspect_look *look)
{
	json_object *array = json_object_new_array();

	for (size_t i = 0; i < inspect_findings_count; i++) {
		const struct inspect_finding *finding = &inspect_findings[i];
		json_object *object, *tids;
		pid_t first;

		if (inspect_finding_threads(look, finding, &first) == 0)
			continue;
		object = json_new();
		tids = json_object_new_array();
		for (size_t j = 0; j < look->count; j++)
			if (finding->applies(look, &look->threads[j]))
				json_object_array_add(tids, json_object_new_int(look->threads[j].tid));
		json_put_string(object, "id", finding->id);
		json_put_string(object, "severity", finding->severity);
		json_put_string(object, "message", finding->message);
		json_put(object, "threads", tids);
		json_object_array_add(array, object);
	}
	return array;
}

void inspect_print_json(const struct inspect_look *look, bool line)
{
	json_object *object = json_new(), *threads = json_object_new_array();

	for (size_t i = 0; i < look->count; i++)
		json_object_array_add(threads, thread_object(look, &look->threads[i]));
	json_put_string(object, "schema", "rseqkit.inspect/1");
	json_put_number(object, "pid", (uint64_t)look->pid);
	json_put_string(object, "name", look->name);
	json_put(object, "feature_size", look->announced ? json_object_new_int64(look->feature_size) : NULL);
	json_put(object, "threads", threads);
	json_put(object, "findings", findings_array(look));
	if (!line) {
		json_print(object);
		return;
	}
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}
