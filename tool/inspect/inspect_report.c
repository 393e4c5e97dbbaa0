/* SPDX-License-Identifier: MIT */
/* inspect_report.c - prints one look at a process as JSON. The names of owners, fields and states are used for text, too. */
#include "inspect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"

const char *inspect_owner_name(enum inspect_owner owner)
{
	static const char *const names[] = {
		[OWNER_NONE] = "none",       [OWNER_LIBC] = "libc",     [OWNER_SELF] = "self",       [OWNER_EARLY] = "early",
		[OWNER_LIBRSEQ] = "librseq", [OWNER_KERNEL] = "kernel", [OWNER_FOREIGN] = "foreign", [OWNER_UNKNOWN] = "unknown",
	};

	return names[owner];
}

const char *const inspect_field_names[INSPECT_FIELDS] = {"cpu_id", "cpu_id_start", "node_id", "mm_cid"};

bool inspect_field(const struct inspect_look *look, const struct inspect_thread *thread, int number, int32_t *value)
{
	static const struct {
		size_t offset;
		uint32_t end;
	} fields[INSPECT_FIELDS] = {
		{offsetof(struct rk_area, cpu_id), 8},
		{offsetof(struct rk_area, cpu_id_start), 4},
		{offsetof(struct rk_area, node_id), RK_FIELD_END_NODE_ID},
		{offsetof(struct rk_area, mm_cid), RK_FIELD_END_MM_CID},
	};

	if (inspect_valid_bytes(look, thread) < fields[number].end)
		return false;
	memcpy(value, thread->answer.area + fields[number].offset, sizeof(*value));
	return true;
}

/*
 * A registration of the original size has the legacy mode. A larger registration has the legacy or the optimised mode, and the
 * kernel doesn't show which of the two.
 */
const char *inspect_mode_name(const struct inspect_answer *answer)
{
	return answer->size == RK_AREA_LENGTH_ORIGINAL ? "legacy" : NULL;
}

const char *inspect_section_state(const struct inspect_answer *answer)
{
	return !answer->has_descriptor ? "unreadable" : inspect_is_active(answer) ? "active" : "left-over";
}

bool inspect_is_alike(const struct inspect_thread *thread, const struct inspect_thread *other)
{
	return thread->owner == other->owner && thread->outcome == other->outcome &&
	       thread->answer.size == other->answer.size && thread->answer.signature == other->answer.signature;
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
	json_put_string(object, "symbol", place->source.symbol[0] != '\0' ? place->source.symbol : NULL);
	json_put(object, "offset", place->source.symbol[0] != '\0' ? json_object_new_uint64(place->source.offset) : NULL);
	json_put_string(object, "module", place->module[0] != '\0' ? place->module : NULL);
	json_put_string(object, "file", place->source.line != 0 ? place->source.file : NULL);
	json_put(object, "line", place->source.line != 0 ? json_object_new_int(place->source.line) : NULL);
	return object;
}

static json_object *section_object(const struct inspect_look *look, size_t number)
{
	const struct inspect_answer *answer = &look->threads[number].answer;
	json_object *object = json_new();

	put_hex(object, "descriptor", answer->rseq_cs, 1);
	json_put_string(object, "state", inspect_section_state(answer));
	json_put(object, "length",
		 answer->has_descriptor ? json_object_new_uint64(answer->descriptor.post_commit_offset) : NULL);
	json_put(object, "start",
		 answer->has_descriptor ? place_object(&look->files->threads[number].start, answer->descriptor.start_ip) : NULL);
	json_put(object, "abort",
		 answer->has_descriptor ? place_object(&look->files->threads[number].abort, answer->descriptor.abort_ip) : NULL);
	return object;
}

/* Adds the registration of a registered thread. */
static void put_registration(json_object *object, const struct inspect_look *look, const struct inspect_thread *thread)
{
	const struct inspect_answer *answer = &thread->answer;
	bool has_section = answer->has_area && answer->rseq_cs != 0;

	put_hex(object, "address", answer->address, 1);
	json_put(object, "offset", json_object_new_int64((int64_t)(answer->address - answer->thread_pointer)));
	json_put_number(object, "size", answer->size);
	put_hex(object, "signature", answer->signature, 8);
	json_put_string(object, "mode", inspect_mode_name(answer));
	for (int i = 0; i < INSPECT_FIELDS; i++) {
		int32_t value;
		bool valid = inspect_field(look, thread, i, &value);

		json_put(object, inspect_field_names[i], valid ? json_object_new_int(value) : NULL);
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
	json_put_string(object, "owner", inspect_owner_name(thread->owner));
	if (thread->answer.address != 0)
		put_registration(object, look, thread);
	else
		for (size_t i = 0; i < sizeof(registration) / sizeof(registration[0]); i++)
			json_put(object, registration[i], NULL);
	json_put(object, "claimed_cpu", inspect_claimed_cpu(look, thread) >= 0
						? json_object_new_int(inspect_claimed_cpu(look, thread)) : NULL);
	json_put_number(object, "seccomp", (uint64_t)thread->status.seccomp);
	if (thread->outcome == ASK_ANSWERED && !thread->kept)
		json_put_seconds(object, "stopped_seconds", thread->answer.stopped);
	else
		json_put(object, "stopped_seconds", NULL);
	return object;
}

static json_object *findings_array(const struct inspect_look *look)
{
	json_object *array = json_new_array();

	for (size_t i = 0; i < inspect_findings_count; i++) {
		const struct inspect_finding *finding = &inspect_findings[i];
		json_object *object, *tids;
		pid_t first;

		if (inspect_finding_threads(look, finding, &first) == 0)
			continue;
		object = json_new();
		tids = json_new_array();
		for (size_t j = 0; j < look->count; j++)
			if (finding->applies(look, &look->threads[j]))
				json_add(tids, json_object_new_int(look->threads[j].tid));
		json_put_string(object, "id", finding->id);
		json_put_string(object, "severity", finding->severity);
		json_put_string(object, "message", finding->message);
		json_put(object, "threads", tids);
		json_add(array, object);
	}
	return array;
}

/* Makes an array of the different forms of registration (inspect_is_alike()), with the number of threads that have each. */
static json_object *summary_array(const struct inspect_look *look)
{
	json_object *array = json_new_array();

	for (size_t i = 0; i < look->count; i++) {
		const struct inspect_thread *thread = &look->threads[i];
		json_object *object;
		uint64_t count = 0;
		size_t j = 0;

		while (!inspect_is_alike(thread, &look->threads[j]))
			j++;
		if (j != i)
			continue;
		for (; j < look->count; j++)
			count += inspect_is_alike(thread, &look->threads[j]);
		object = json_new();
		json_put_string(object, "owner", inspect_owner_name(thread->owner));
		json_put(object, "size", thread->answer.address != 0 ? json_object_new_int64(thread->answer.size) : NULL);
		json_put_string(object, "mode", thread->answer.address != 0 ? inspect_mode_name(&thread->answer) : NULL);
		json_put_number(object, "threads", count);
		json_add(array, object);
	}
	return array;
}

void inspect_print_json(const struct inspect_look *look, bool line)
{
	json_object *object = json_new(), *threads = json_new_array();

	for (size_t i = 0; i < look->count; i++)
		json_add(threads, thread_object(look, &look->threads[i]));
	json_put_string(object, "schema", "rseqkit.inspect/1");
	json_put_number(object, "pid", (uint64_t)look->pid);
	json_put_string(object, "name", look->name);
	json_put(object, "feature_size", look->announced ? json_object_new_int64(look->feature_size) : NULL);
	json_put(object, "summary", summary_array(look));
	json_put(object, "threads", threads);
	json_put(object, "findings", findings_array(look));
	if (!line) {
		json_print(object);
		return;
	}
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}
