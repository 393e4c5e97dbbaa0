/* SPDX-License-Identifier: MIT */
/*
 * table.c - prints one look of `rseqkit inspect` at a process as text.
 *
 * Threads with the same name and form of registration can share a line. Without --all, unregistered threads with the same name
 * always share a line, because their lines would be equal. Registered threads share lines only if the table would otherwise be
 * long. With --all, each thread has its own line. A table that is wider than the terminal is printed as a list.
 */
#define _GNU_SOURCE
#include "inspect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "tool.h"

#define LINES_MAX 24 /* if the table would have more lines, registered threads that are alike share a line */
#define IDS_SIZE 24  /* bytes for the ids of the threads that share a line */

/* Threads that share a line. */
struct line {
	const struct inspect_thread *first;
	pid_t last;         /* the last id of the current range of ids, which isn't in `ids` yet */
	size_t count;
	char ids[IDS_SIZE]; /* "12-40,42" */
	bool cut;           /* `ids` is full */
};

struct table {
	struct line *lines;
	size_t count;
	bool counts; /* at least one line has several threads */
};

/* Can the threads share a line? With `registered`, registered threads can, too. */
static bool share(const struct inspect_thread *thread, const struct inspect_thread *other, bool registered)
{
	return inspect_is_alike(thread, other) && strcmp(thread->status.name, other->status.name) == 0 &&
	       (registered || thread->answer.address == 0);
}

/* Appends the range that begins with `from`, or "..." if the range doesn't fit. Space for "..." is always kept. */
static void end_range(struct line *line, pid_t from)
{
	char range[32];
	size_t used = strlen(line->ids);

	if (from == line->last)
		snprintf(range, sizeof(range), "%s%d", used != 0 ? "," : "", (int)from);
	else
		snprintf(range, sizeof(range), "%s%d-%d", used != 0 ? "," : "", (int)from, (int)line->last);
	if (!line->cut && used + strlen(range) + sizeof(",...") <= sizeof(line->ids))
		strcat(line->ids, range);
	else if (!line->cut) {
		strcat(line->ids, used != 0 ? ",..." : "...");
		line->cut = true;
	}
}

static void write_ids(const struct inspect_look *look, struct line *line, bool registered)
{
	pid_t from = line->first->tid;

	line->last = from;
	for (const struct inspect_thread *thread = line->first + 1; line->count > 1 && thread < look->threads + look->count;
	     thread++) {
		if (!share(line->first, thread, registered))
			continue;
		if (thread->tid != line->last + 1) {
			end_range(line, from);
			from = thread->tid;
		}
		line->last = thread->tid;
	}
	end_range(line, from);
}

/*
 * Fills the table. With `registered`, registered threads that are alike also share a line. With `all`, no threads share a line.
 */
static void fill(struct table *table, const struct inspect_look *look, bool all, bool registered)
{
	table->count = 0;
	table->counts = false;
	for (size_t i = 0; i < look->count; i++) {
		struct line *line = table->lines;

		while (line < table->lines + table->count && (all || !share(line->first, &look->threads[i], registered)))
			line++;
		if (line == table->lines + table->count) {
			*line = (struct line){.first = &look->threads[i]};
			table->count++;
		}
		table->counts |= ++line->count > 1;
	}
	for (size_t i = 0; i < table->count; i++)
		write_ids(look, &table->lines[i], registered);
}

static void print_owner(const struct inspect_thread *thread, int width)
{
	static const enum colour colours[] = {
		[OWNER_NONE] = COLOUR_NONE,     [OWNER_LIBC] = COLOUR_GREEN,  [OWNER_SELF] = COLOUR_GREEN,
		[OWNER_EARLY] = COLOUR_GREEN,   [OWNER_FOREIGN] = COLOUR_RED, [OWNER_UNKNOWN] = COLOUR_YELLOW,
		[OWNER_LIBRSEQ] = COLOUR_GREEN, [OWNER_KERNEL] = COLOUR_GREEN};
	char owner[16];

	snprintf(owner, sizeof(owner), "%-*s", width, inspect_owner_name(thread->owner));
	print_coloured(colours[thread->owner], owner);
}

static const char *mode_or_unknown(const struct inspect_answer *answer)
{
	const char *mode = inspect_mode_name(answer);

	return mode != NULL ? mode : "?";
}

/* Returns the number of columns of the longest list of ids. */
static int width_of_ids(const struct table *table)
{
	int width = 8;

	for (size_t i = 0; i < table->count; i++)
		if ((int)strlen(table->lines[i].ids) > width)
			width = (int)strlen(table->lines[i].ids);
	return width;
}

static void print_row(const struct inspect_look *look, const struct table *table, const struct line *line)
{
	const struct inspect_answer *answer = &line->first->answer;

	if (table->counts)
		printf("%5zu ", line->count);
	printf("%-*s %-15.15s ", width_of_ids(table), line->ids, line->first->status.name);
	print_owner(line->first, answer->address != 0 ? 8 : 0);
	if (answer->address != 0 && line->count > 1)
		printf(" %-18s", "");
	else if (answer->address != 0)
		printf(" 0x%-16" PRIx64, answer->address);
	if (answer->address != 0)
		printf(" %4" PRIu32 " 0x%08" PRIx32 " %s", answer->size, answer->signature, mode_or_unknown(answer));
	for (int i = 0; answer->address != 0 && line->count == 1 && i < INSPECT_FIELDS; i++) {
		int32_t value;

		if (inspect_field(look, line->first, i, &value))
			printf("%*" PRId32, i == 0 ? 13 - (int)strlen(mode_or_unknown(answer)) : 6, value);
		else
			printf("%*s", i == 0 ? 13 - (int)strlen(mode_or_unknown(answer)) : 6, "-");
	}
	putchar('\n');
}

/* Prints one line of the table as a paragraph. */
static void print_item(const struct inspect_look *look, const struct line *line)
{
	const struct inspect_answer *answer = &line->first->answer;
	char text[256];
	size_t used = 0;

	if (line->count == 1)
		printf("thread %s (%s): ", line->ids, line->first->status.name);
	else
		printf("%zu threads (%s): ", line->count, line->first->status.name);
	print_owner(line->first, 0);
	putchar('\n');
	if (line->count > 1)
		print_line(stdout, 0, 2, "  thread ids %s", line->ids);
	if (answer->address == 0)
		return;
	if (line->count == 1)
		print_line(stdout, 0, 2, "  area 0x%" PRIx64, answer->address);
	print_line(stdout, 0, 2, "  %" PRIu32 " bytes, mode %s, signature 0x%08" PRIx32, answer->size, mode_or_unknown(answer),
		   answer->signature);
	for (int i = 0; i < INSPECT_FIELDS; i++) {
		int32_t value;

		if (line->count == 1 && inspect_field(look, line->first, i, &value))
			used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s %" PRId32, used != 0 ? ", " : "  ",
						 inspect_field_names[i], value);
	}
	if (used != 0)
		print_line(stdout, 0, 2, "%s", text);
}

static void print_threads(const struct inspect_look *look, const struct table *table)
{
	int columns = output_columns(stdout), width = width_of_ids(table) + (table->counts ? 6 : 0) + 92;

	for (size_t i = 0; columns != 0 && columns < width && i < table->count; i++)
		print_item(look, &table->lines[i]);
	if (columns != 0 && columns < width)
		return;
	if (table->counts)
		printf("COUNT ");
	printf("%-*s %-15s %-8s %-18s %4s %-10s %-7s %5s %5s %5s %5s\n", width_of_ids(table), "THREAD", "NAME", "OWNER", "AREA",
	       "SIZE", "SIGNATURE", "MODE", "CPU", "START", "NODE", "CID");
	for (size_t i = 0; i < table->count; i++)
		print_row(look, table, &table->lines[i]);
}

/* Prints how many threads have each form of registration: "60 libc (32 bytes, legacy), 1 none". */
static void print_summary(const struct inspect_look *look)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	for (size_t i = 0; to != NULL && i < look->count; i++) {
		const struct inspect_thread *thread = &look->threads[i];
		size_t count = 0, first = 0;

		while (!inspect_is_alike(thread, &look->threads[first]))
			first++;
		for (size_t j = i; first == i && j < look->count; j++)
			count += inspect_is_alike(thread, &look->threads[j]);
		if (count == 0)
			continue;
		fprintf(to, "%s%zu %s", i != 0 ? ", " : "", count, inspect_owner_name(thread->owner));
		if (thread->outcome != ASK_ANSWERED)
			fputs(" (not stopped)", to);
		else if (thread->answer.address != 0)
			fprintf(to, " (%" PRIu32 " bytes%s%s)", thread->answer.size,
				inspect_mode_name(&thread->answer) != NULL ? ", " : "",
				inspect_mode_name(&thread->answer) != NULL ? inspect_mode_name(&thread->answer) : "");
	}
	if (to != NULL && fclose(to) == 0)
		print_line(stdout, 0, 2, "owners: %s", text);
	free(text);
}

/* Prints SYMBOL+0xOFFSET (FILE:LINE), or the parts of it that are known. */
static void print_place(FILE *to, const struct inspect_place *place, uint64_t address)
{
	if (place->source.symbol[0] != '\0')
		fprintf(to, "%s+0x%" PRIx64, place->source.symbol, place->source.offset);
	else
		fprintf(to, "0x%" PRIx64, address);
	if (place->source.line != 0)
		fprintf(to, " (%s:%d)", place->source.file, place->source.line);
	else if (place->module[0] != '\0')
		fprintf(to, " (%s)", place->module);
}

static void print_section(const struct inspect_look *look, size_t number)
{
	const struct inspect_answer *answer = &look->threads[number].answer;
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (to == NULL)
		return;
	fprintf(to, "%d: %s section", (int)look->threads[number].tid, inspect_section_state(answer));
	if (answer->has_descriptor) {
		fputs(" at ", to);
		print_place(to, &look->files->threads[number].start, answer->descriptor.start_ip);
		fprintf(to, ", %" PRIu64 " bytes, abort at ", answer->descriptor.post_commit_offset);
		print_place(to, &look->files->threads[number].abort, answer->descriptor.abort_ip);
	} else {
		fprintf(to, ", descriptor at 0x%" PRIx64, answer->rseq_cs);
	}
	if (fclose(to) == 0)
		print_line(stdout, 0, 2, "%s", text);
	free(text);
}

static void print_finding(const struct inspect_look *look, const struct inspect_finding *finding)
{
	pid_t first = 0;
	size_t count = inspect_finding_threads(look, finding, &first);
	char who[64];

	if (count == 0)
		return;
	if (count == look->count && count > 1)
		snprintf(who, sizeof(who), "all %zu threads", count);
	else if (count > 1)
		snprintf(who, sizeof(who), "thread %d and %zu more", (int)first, count - 1);
	else
		snprintf(who, sizeof(who), "thread %d", (int)first);
	print_coloured(finding->severity[0] == 'w' ? COLOUR_YELLOW : COLOUR_BOLD, finding->severity);
	print_line(stdout, (int)strlen(finding->severity), 2, ": %s: %s [%s]", who, finding->message, finding->id);
}

void inspect_print_text(const struct inspect_look *look, bool all)
{
	struct table table = {.lines = (struct line *)calloc(look->count, sizeof(*table.lines))};

	if (table.lines == NULL) {
		complain("out of memory");
		exit(EXIT_USAGE);
	}
	print_line(stdout, 0, 2, "process %d (%s): %zu %s, feature size %" PRIu32 "%s", (int)look->pid, look->name, look->count,
		   look->count == 1 ? "thread" : "threads", look->feature_size,
		   look->announced ? "" : " (the original size: the kernel announces none)");
	print_summary(look);
	putchar('\n');
	fill(&table, look, all, false);
	if (!all && table.count > LINES_MAX)
		fill(&table, look, false, true);
	print_threads(look, &table);
	putchar('\n');
	free(table.lines);
	for (size_t i = 0; i < look->count; i++)
		if (look->threads[i].answer.has_area && look->threads[i].answer.rseq_cs != 0)
			print_section(look, i);
	for (size_t i = 0; i < inspect_findings_count; i++)
		print_finding(look, &inspect_findings[i]);
}
