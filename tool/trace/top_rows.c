/* SPDX-License-Identifier: MIT */
/*
 * top_rows.c - writes the lines of the table of `rseqkit top`, see top.h. A star marks the column by which the rows are sorted.
 */
#include <inttypes.h>
#include <stdio.h>

#include "top.h"
#include "trace.h"

#define NARROW 40 /* a table with fewer columns doesn't show the total counts */

void top_format_title(const struct tracer *tracer, const struct top *top, char *text, size_t size)
{
	int used = snprintf(text, size, "%.0f aborts/s, %" PRIu64 " in all", top->interval > 0 ? (double)top->recent / top->interval : 0,
			    tracer->tally.aborts);

	if (top->paused && used > 0 && (size_t)used < size)
		used += snprintf(text + used, size - (size_t)used, ", PAUSED");
	if (tracer->losses.events > 0 && used > 0 && (size_t)used < size)
		used += snprintf(text + used, size - (size_t)used, ", %" PRIu64 " lost", tracer->losses.events);
	if (!tracer->losses.known && used > 0 && (size_t)used < size)
		snprintf(text + used, size - (size_t)used, ", losses unknown");
}

void top_format_header(const struct top *top, size_t columns, char *text, size_t size)
{
	static const char *const names[TALLY_VIEWS] = {
		[VIEW_INSTRUCTION] = "INSTRUCTION", [VIEW_SECTION] = "SECTION", [VIEW_PROCESS] = "PROCESS",
		[VIEW_THREAD] = "THREAD",           [VIEW_CPU] = "CPU",
	};

	const char *total = top->by_total ? "      ALL*" : "       ALL";

	snprintf(text, size, "%8s %s %s", top->by_total ? "RATE/s" : "RATE/s*", columns < NARROW ? "" : total, names[top->view]);
}

static void describe(struct tracer *tracer, const struct top *top, const struct tally_row *row, char *text, size_t size)
{
	const struct tasks *tasks = &tracer->tasks;
	const struct tasks_process *process = &tasks->processes[row->process];
	const struct tasks_thread *thread;
	const char *name = row->several ? "several processes" : process->pid != 0 ? process->name : "ended";
	char place[512];

	switch (top->view) {
	case VIEW_INSTRUCTION:
		trace_describe(&tracer->places, tracer->places.sites[row->key].instruction, place, sizeof(place));
		snprintf(text, size, "%s in %s", place, name);
		break;
	case VIEW_SECTION:
		trace_describe(&tracer->places, row->key, place, sizeof(place));
		snprintf(text, size, "%s in %s", place, name);
		break;
	case VIEW_PROCESS:
		process = &tasks->processes[row->key];
		snprintf(text, size, "%d %s", (int)process->pid, process->pid != 0 ? process->name : "ended");
		break;
	case VIEW_THREAD:
		thread = &tasks->threads[row->key];
		snprintf(text, size, "%d %s of %s", (int)thread->tid, thread->name[0] != '\0' ? thread->name : "?", name);
		break;
	default:
		snprintf(text, size, "%" PRIu32, row->key);
	}
}

void top_format(struct tracer *tracer, const struct top *top, uint32_t number, size_t columns, char *text, size_t size)
{
	const struct tally_row *row = &top->rows[number];
	char total[24] = "", what[700];

	describe(tracer, top, row, what, sizeof(what));
	if (columns >= NARROW)
		snprintf(total, sizeof(total), "%10" PRIu64, row->count);
	snprintf(text, size, "%8.0f %s %s", top->interval > 0 ? (double)row->recent / top->interval : 0, total, what);
}
