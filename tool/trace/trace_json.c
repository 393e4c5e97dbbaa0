/* SPDX-License-Identifier: MIT */
/*
 * trace_json.c - writes the lines of `rseqkit trace --json`.
 *
 * The invariant: each line is a whole JSON object. All names are printable ASCII, and json-c escapes them, so no name can end a
 * string or a line. The texts for a thread, and for a site (an instruction of a section, see sites.h), are made only once. The
 * line for an abort is put together from such texts, so a hundred thousand lines a second are possible.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/json.h"
#include "trace.h"

#define CHUNK 4096     /* bytes of a write. If poll() says that a pipe can be written, such a write doesn't block */
#define PATIENCE_MS 2000 /* after a signal, the tool waits at most this long for a reader that reads nothing */
#define POLL_MS 20

static char buffer[1 << 17];
static size_t used;

/* The JSON members of each site and of each thread as text; NULL until a line needs them. */
static char **site_texts, **thread_texts;
static uint32_t site_text_count, thread_text_count;

void trace_flush(struct tracer *tracer)
{
	int waited = 0;

	for (size_t at = 0; at < used && !tracer->output_failed;) {
		struct pollfd poller = {.fd = STDOUT_FILENO, .events = POLLOUT};
		int ready = poll(&poller, 1, POLL_MS);
		ssize_t n;

		/* If a filter refuses poll(), the write can block. */
		if (ready == 0 || (ready < 0 && errno == EINTR)) {
			capture_pump(&tracer->capture);
			waited = launch_signal() != 0 ? waited + POLL_MS : 0;
			tracer->output_failed = waited > PATIENCE_MS;
			continue;
		}
		n = write(STDOUT_FILENO, buffer + at, used - at < CHUNK ? used - at : CHUNK);
		if (n > 0)
			at += (size_t)n;
		else if (n == 0 || (errno != EINTR && errno != EAGAIN))
			tracer->output_failed = true;
		waited = n > 0 ? 0 : waited;
	}
	used = 0;
}

static void collect(struct tracer *tracer, const char *text, size_t size)
{
	while (size > 0 && !tracer->output_failed) {
		size_t part = sizeof(buffer) - used < size ? sizeof(buffer) - used : size;

		memcpy(buffer + used, text, part);
		used += part;
		text += part;
		size -= part;
		if (used == sizeof(buffer))
			trace_flush(tracer);
	}
}

static const char *line_text(json_object *object)
{
	return json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
}

static void collect_object(struct tracer *tracer, json_object *object)
{
	const char *text = line_text(object);

	collect(tracer, text, strlen(text));
	collect(tracer, "\n", 1);
	json_object_put(object);
}

static void put_address(json_object *object, const char *key, uint64_t address)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	json_put_string(object, key, text);
}

/* Adds symbol, offset, source file and line of a place. If they are unknown, adds null. */
static void put_names(json_object *object, struct places *places, uint32_t number)
{
	const struct place *place = places_name(places, number);

	json_put_string(object, "symbol", place->symbol);
	if (place->symbol != NULL)
		json_put_number(object, "offset", place->symbol_offset);
	else
		json_put(object, "offset", NULL);
	json_put_string(object, "file", place->source);
	if (place->source != NULL)
		json_put_number(object, "line", (uint64_t)place->line);
	else
		json_put(object, "line", NULL);
}

static void put_site(json_object *object, struct places *places, uint32_t number)
{
	const struct site *site = &places->sites[number];
	const struct place *place = &places->places[site->instruction];
	json_object *section = json_new();

	json_put_string(object, "module", place->file != KEYS_NONE ? places->files[place->file].name : NULL);
	put_address(object, place->file != KEYS_NONE ? "module_offset" : "address", place->offset);
	json_put(object, place->file != KEYS_NONE ? "address" : "module_offset", NULL);
	put_names(object, places, site->instruction);
	put_names(section, places, site->start);
	json_put_number(section, "length", site->length);
	json_put(object, "section", section);
}

static void put_process(json_object *object, const struct tasks_process *process)
{
	if (process->pid != 0)
		json_put_number(object, "pid", (uint64_t)process->pid);
	else
		json_put(object, "pid", NULL);
	json_put_string(object, "process", process->pid != 0 ? process->name : NULL);
}

static void put_thread(json_object *object, const struct tasks *tasks, uint32_t number)
{
	const struct tasks_thread *thread = &tasks->threads[number];

	put_process(object, &tasks->processes[thread->process]);
	json_put_number(object, "tid", (uint64_t)thread->tid);
	json_put_string(object, "thread", thread->name[0] != '\0' ? thread->name : NULL);
}

/* Returns the members of an object as text, without the braces. */
static char *members(json_object *object)
{
	const char *text = line_text(object);
	char *copy = strndup(text + 1, strlen(text) - 2);

	json_object_put(object);
	return copy;
}

static char **text_at(char ***texts, uint32_t *count, uint32_t number)
{
	while (*count <= number) {
		*texts = (char **)keys_grow(*texts, *count, sizeof(**texts));
		(*count)++;
	}
	return &(*texts)[number];
}

void trace_json_start(struct tracer *tracer)
{
	json_object *object = json_new(), *list = json_new_array();
	struct utsname system;

	json_put_string(object, "schema", "rseqkit.trace/1");
	json_put_string(object, "event", "start");
	json_put_string(object, "kernel", uname(&system) == 0 ? system.release : NULL);
	json_put_seconds(object, "time", (double)tracer->began / 1e9);
	for (size_t i = 0; i < tracer->settings->pid_count; i++)
		json_add(list, json_object_new_int(tracer->settings->pids[i]));
	if (tracer->launch.pid != 0)
		json_add(list, json_object_new_int(tracer->launch.pid));
	json_put(object, "pids", list);
	collect_object(tracer, object);
	trace_flush(tracer);
}

void trace_json_abort(struct tracer *tracer, const struct capture_event *event, uint32_t thread, uint32_t site)
{
	char **thread_text = text_at(&thread_texts, &thread_text_count, thread), *site_text = NULL, head[256];
	int size;

	if (*thread_text == NULL) {
		json_object *object = json_new();

		put_thread(object, &tracer->tasks, thread);
		*thread_text = members(object);
	}
	if (site != KEYS_NONE) {
		char **found = text_at(&site_texts, &site_text_count, site);

		if (*found == NULL) {
			json_object *object = json_new();

			put_site(object, &tracer->places, site);
			*found = members(object);
		}
		site_text = *found;
	}
	size = snprintf(head, sizeof(head), "{\"event\":\"abort\",\"time\":%" PRIu64 ".%09" PRIu64 ",\"cpu\":%d,\"ip\":\"0x%" PRIx64
			"\",\"start_ip\":\"0x%" PRIx64 "\",\"abort_ip\":\"0x%" PRIx64 "\",",
			event->time / 1000000000, event->time % 1000000000, event->cpu, event->ip, event->start, event->abort);
	collect(tracer, head, (size_t)size);
	collect(tracer, *thread_text, strlen(*thread_text));
	if (site_text != NULL) {
		collect(tracer, ",", 1);
		collect(tracer, site_text, strlen(site_text));
	}
	collect(tracer, "}\n", 2);
}

static void put_program(json_object *object, const struct launch *launch)
{
	json_object *program = NULL;

	if (launch->pid != 0) {
		program = json_new();
		json_put_number(program, "pid", (uint64_t)launch->pid);
		if (launch->has_ended && WIFEXITED(launch->status))
			json_put_number(program, "status", (uint64_t)WEXITSTATUS(launch->status));
		else
			json_put(program, "status", NULL);
		if (launch->has_ended && WIFSIGNALED(launch->status))
			json_put_number(program, "signal", (uint64_t)WTERMSIG(launch->status));
		else
			json_put(program, "signal", NULL);
		json_put(program, "stopped", json_object_new_boolean(launch->was_stopped));
	}
	json_put(object, "program", program);
}

/* Adds a list with the counts of one view. */
static void put_view(json_object *object, const char *key, struct tracer *tracer, enum tally_view view)
{
	uint32_t count;
	struct tally_row *rows = tally_rows(&tracer->tally, &tracer->tasks, view, false, &count);
	json_object *list = json_new_array();

	for (uint32_t i = 0; i < count; i++) {
		json_object *row = json_new();

		json_put_number(row, "aborts", rows[i].count);
		if (view == VIEW_INSTRUCTION)
			put_site(row, &tracer->places, rows[i].key);
		else if (view == VIEW_THREAD)
			put_thread(row, &tracer->tasks, rows[i].key);
		else if (view == VIEW_PROCESS)
			put_process(row, &tracer->tasks.processes[rows[i].key]);
		else
			json_put_number(row, "cpu", rows[i].key);
		if (view == VIEW_THREAD && tracer->settings->updates) {
			json_put_number(row, "updates", rows[i].updates);
			json_put_number(row, "moves", rows[i].moves);
		}
		json_add(list, row);
	}
	free(rows);
	json_put(object, key, list);
}

void trace_json_summary(struct tracer *tracer)
{
	json_object *object = json_new();

	json_put_string(object, "event", "summary");
	json_put_string(object, "end", trace_end_name(tracer->end));
	json_put_seconds(object, "seconds", tracer_seconds(tracer));
	json_put_number(object, "aborts", tracer->tally.aborts);
	if (tracer->losses.known)
		json_put_number(object, "lost", tracer->losses.events);
	else
		json_put(object, "lost", NULL);
	json_put_number(object, "uncounted", tracer->tally.uncounted);
	json_put_number(object, "damaged", tracer->capture.damaged);
	if (tracer->settings->updates)
		json_put_number(object, "updates", tracer->tally.updates);
	put_program(object, &tracer->launch);
	put_view(object, "instructions", tracer, VIEW_INSTRUCTION);
	put_view(object, "processes", tracer, VIEW_PROCESS);
	put_view(object, "threads", tracer, VIEW_THREAD);
	put_view(object, "cpus", tracer, VIEW_CPU);
	collect_object(tracer, object);
	trace_flush(tracer);
	for (uint32_t i = 0; i < site_text_count; i++)
		free(site_texts[i]);
	for (uint32_t i = 0; i < thread_text_count; i++)
		free(thread_texts[i]);
	free(site_texts);
	free(thread_texts);
	site_texts = thread_texts = NULL;
	site_text_count = thread_text_count = 0;
}
