/* SPDX-License-Identifier: MIT */
/* trace_table.c - prints the tables at the end of `rseqkit trace`. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/output.h"
#include "common/sorted.h"
#include "trace.h"

#define ROWS 20 /* without --all, a table has about this many rows */

const char *trace_end_name(enum tracer_end end)
{
	static const char *const names[] = {
		[END_NOT_YET] = "none", [END_PROGRAM] = "program", [END_PROCESSES] = "processes",
		[END_TIME] = "time",    [END_SIGNAL] = "signal",   [END_OUTPUT] = "output",
	};

	return names[end];
}

void trace_describe(struct places *places, uint32_t number, char *text, size_t size)
{
	const struct place *place = places_name(places, number);
	int used;

	if (place->symbol != NULL)
		used = snprintf(text, size, "%s+0x%" PRIx64, place->symbol, place->symbol_offset);
	else if (place->file != KEYS_NONE)
		used = snprintf(text, size, "%s+0x%" PRIx64, places_file_name(places, place), place->offset);
	else
		used = snprintf(text, size, "0x%" PRIx64, place->address);
	if (place->source != NULL && used > 0 && (size_t)used < size) {
		const char *slash = strrchr(place->source, '/');

		snprintf(text + used, size - (size_t)used, " (%s:%d)", slash != NULL ? slash + 1 : place->source, place->line);
	}
}

static void describe_process(const struct tasks_process *process, char *text, size_t size)
{
	if (process->pid == 0)
		snprintf(text, size, "(ended before it was seen)");
	else
		snprintf(text, size, "%s (%d)", process->name, (int)process->pid);
}

static void describe_row(struct tracer *tracer, enum tally_view view, const struct tally_row *row, char *text, size_t size)
{
	const struct tasks *tasks = &tracer->tasks;
	char process[64];

	if (view == VIEW_PROCESS) {
		describe_process(&tasks->processes[row->key], text, size);
	} else if (view == VIEW_THREAD) {
		const struct tasks_thread *thread = &tasks->threads[row->key];

		describe_process(&tasks->processes[thread->process], process, sizeof(process));
		snprintf(text, size, "%s (%d) of %s", thread->name[0] != '\0' ? thread->name : "?", (int)thread->tid, process);
	} else {
		snprintf(text, size, "%" PRIu32, row->key);
	}
}

static void print_row(const struct tracer *tracer, uint64_t count, const char *text)
{
	print_line(stdout, 0, 19, "%10" PRIu64 "  %5.1f%%  %s", count, 100.0 * (double)count / (double)tracer->tally.aborts, text);
}

static void print_rest(const struct tracer *tracer, uint64_t rest, uint32_t lines)
{
	char text[80];

	snprintf(text, sizeof(text), "in %" PRIu32 " more lines, which --all shows", lines);
	if (lines > 0)
		print_row(tracer, rest, text);
}

/* Sorts by section. In a section, the instruction with the most aborts is the first. */
static int compare_sections(const void *left, const void *right)
{
	const struct tally_row *a = (const struct tally_row *)left, *b = (const struct tally_row *)right;

	if (a->section != b->section)
		return a->section < b->section ? -1 : 1;
	return a->count != b->count ? (a->count > b->count ? -1 : 1) : (a->key > b->key) - (a->key < b->key);
}

/* Returns the first row of the section. The rows are sorted by compare_sections(). */
static uint32_t first_of(const struct tally_row *sites, uint32_t count, uint32_t section)
{
	return (uint32_t)COUNT_WHILE(i, count, sites[i].section < section);
}

/* Prints each section, followed by those of its instructions at which it aborted. */
static void print_sections(struct tracer *tracer, bool all)
{
	struct places *places = &tracer->places;
	uint32_t section_count, site_count, lines = 0, left = 0;
	struct tally_row *sections = tally_rows(&tracer->tally, &tracer->tasks, VIEW_SECTION, false, &section_count);
	struct tally_row *sites = tally_rows(&tracer->tally, &tracer->tasks, VIEW_INSTRUCTION, false, &site_count);
	uint64_t rest = 0;

	qsort(sites, site_count, sizeof(*sites), compare_sections);
	putchar('\n');
	print_line(stdout, 0, 19, "    ABORTS   SHARE  SECTION, AND THE INSTRUCTIONS BEFORE WHICH IT ABORTED");
	for (uint32_t i = 0; i < section_count; i++) {
		const struct tasks_process *process = &tracer->tasks.processes[sections[i].process];
		char place[512], text[700];
		bool shown = all || lines < ROWS;

		if (!shown)
			rest += sections[i].count;
		left += !shown;
		if (shown) {
			trace_describe(places, sections[i].key, place, sizeof(place));
			snprintf(text, sizeof(text), "%s in %s", place,
				 sections[i].several ? "several processes" : process->pid != 0 ? process->name : "a process that has ended");
			print_row(tracer, sections[i].count, text);
			lines++;
		}
		for (uint32_t k = first_of(sites, site_count, sections[i].key);
		     shown && k < site_count && sites[k].section == sections[i].key; k++) {
			const struct site *site = &places->sites[sites[k].key];

			trace_describe(places, site->instruction, place, sizeof(place));
			snprintf(text, sizeof(text), "  byte %" PRIu64 " of %" PRIu64 ": %s",
				 places->places[site->instruction].offset - places->places[site->start].offset, site->length, place);
			print_row(tracer, sites[k].count, text);
			lines++;
		}
	}
	print_rest(tracer, rest, left);
	free(sections);
	free(sites);
}

static void print_table(struct tracer *tracer, enum tally_view view, const char *title, bool all)
{
	bool updates = view == VIEW_THREAD && tracer->settings->updates;
	uint32_t count, shown;
	struct tally_row *rows = tally_rows(&tracer->tally, &tracer->tasks, view, false, &count);
	uint64_t rest = 0;

	putchar('\n');
	print_line(stdout, 0, 19, "    ABORTS   SHARE  %s%s", updates ? "   UPDATES     MOVES  " : "", title);
	shown = all || count <= ROWS ? count : ROWS;
	for (uint32_t i = 0; i < count; i++) {
		char text[256], line[320];

		if (i >= shown) {
			rest += rows[i].count;
			continue;
		}
		describe_row(tracer, view, &rows[i], text, sizeof(text));
		if (updates)
			snprintf(line, sizeof(line), "%10" PRIu64 "%10" PRIu64 "  %s", rows[i].updates, rows[i].moves, text);
		print_row(tracer, rows[i].count, updates ? line : text);
	}
	print_rest(tracer, rest, count - shown);
	free(rows);
}

static void print_program(const struct launch *launch)
{
	if (launch->pid == 0)
		return;
	if (launch->is_lost)
		print_line(stdout, 0, 2, "The program has ended, and its exit status is unknown.");
	else if (!launch->has_ended)
		print_line(stdout, 0, 2, "The program (%d) still runs, although rseqkit sent it SIGTERM.", (int)launch->pid);
	else if (WIFEXITED(launch->status))
		print_line(stdout, 0, 2, "The program ended with exit status %d.", WEXITSTATUS(launch->status));
	else
		print_line(stdout, 0, 2, "The program was ended by signal %d%s.", WTERMSIG(launch->status),
			   launch->was_stopped && WTERMSIG(launch->status) == SIGTERM ? ", which rseqkit sent" : "");
}

void trace_print_tables(struct tracer *tracer, bool all)
{
	const struct tally *tally = &tracer->tally;
	double seconds = tracer_seconds(tracer);

	print_line(stdout, 0, 2, "%" PRIu64 " aborts in %.1f s, %.0f a second", tally->aborts, seconds,
		   seconds > 0 ? (double)tally->aborts / seconds : 0);
	if (tracer->losses.events > 0)
		print_line(stdout, 0, 2, "The kernel's buffer was full, and %" PRIu64 " events are lost.", tracer->losses.events);
	if (!tracer->losses.known)
		print_line(stdout, 0, 2, "The kernel doesn't say how many events are lost.");
	if (tally->uncounted > 0)
		print_line(stdout, 0, 2, "%" PRIu64 " aborts are in no table, because there are too many places.", tally->uncounted);
	if (tracer->capture.damaged > 0)
		print_line(stdout, 0, 2, "%" PRIu64 " pages of the kernel's trace couldn't be understood.", tracer->capture.damaged);
	print_program(&tracer->launch);
	if (tally->aborts == 0)
		return;
	print_sections(tracer, all);
	print_table(tracer, VIEW_PROCESS, "PROCESS", all);
	print_table(tracer, VIEW_THREAD, "THREAD", all);
	print_table(tracer, VIEW_CPU, "CPU", all);
}
