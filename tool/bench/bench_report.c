/* SPDX-License-Identifier: MIT */
/* bench_report.c - prints the figures of `rseqkit bench` as tables, and writes them as JSON. */
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "common/json.h"
#include "common/output.h"
#include "explain.h"
#include "tool.h"

#define BAR_WIDTH 24
#define BAR_LEAST 8

enum { NAME, FAMILY, MODEL, IMPLEMENTER, PART, FIELDS };

/* Stores the value of the field, if the line is for this field. */
static void take_field(const char *line, const char *field, char *value, size_t size)
{
	size_t length = strlen(field);

	if (strncmp(line, field, length) == 0 && line[length + strspn(line + length, "\t ")] == ':')
		copy_printable(value, size, line + length + strspn(line + length, ": \t"));
}

/*
 * Stores the processor's name in name[size], with family and model, because names such as "AMD EPYC" are ambiguous. If
 * /proc/cpuinfo has no name, the result is empty.
 */
static void cpu_model(char *name, size_t size)
{
	static const char *const names[FIELDS] = {"model name", "cpu family", "model", "CPU implementer", "CPU part"};
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[256], fields[FIELDS][128] = {{0}};

	while (file != NULL && fgets(line, sizeof(line), file) != NULL && line[0] != '\n')
		for (int i = 0; i < FIELDS; i++)
			take_field(line, names[i], fields[i], sizeof(fields[i]));
	if (file != NULL)
		(void)fclose(file);
	if (fields[NAME][0] != '\0' && fields[FAMILY][0] != '\0' && fields[MODEL][0] != '\0')
		snprintf(name, size, "%.80s (family %.12s model %.12s)", fields[NAME], fields[FAMILY], fields[MODEL]);
	else if (fields[NAME][0] == '\0' && fields[IMPLEMENTER][0] != '\0')
		snprintf(name, size, "implementer %.40s part %.40s", fields[IMPLEMENTER], fields[PART]);
	else
		snprintf(name, size, "%s", fields[NAME]);
}

static bool is_available(const struct bench_group *group, unsigned contender)
{
	return group->cells[contender].unavailable[0] == '\0';
}

void bench_print_list(const struct bench_run *run)
{
	for (unsigned i = 0; i < run->count; i++) {
		const struct bench *bench = &run->benches[i];

		printf("%-14s %s:", bench->name, bench->what);
		for (unsigned j = 0; j < bench->contender_count; j++)
			printf("%s %s", j == 0 ? "" : ",", bench->contenders[j].name);
		putchar('\n');
	}
}

/*
 * With 40 columns, a table has medians and ratios; with 63, also spreads; with 83, all figures. With more, it also has bars.
 */
enum room { ROOM_FOR_RATIO = 40, ROOM_FOR_SPREAD = 63, ROOM_FOR_ALL = 83 };

static enum room room(void)
{
	int columns = output_columns(stdout);

	return columns == 0 || columns >= ROOM_FOR_ALL ? ROOM_FOR_ALL :
	       columns >= ROOM_FOR_SPREAD	       ? ROOM_FOR_SPREAD :
							 ROOM_FOR_RATIO;
}

static int name_width(void)
{
	return room() == ROOM_FOR_RATIO ? 18 : 22;
}

static int bar_width(void)
{
	int columns = output_columns(stdout), left = columns - (int)room() - 2;

	return columns == 0 || left > BAR_WIDTH ? BAR_WIDTH : left;
}

/* Prints a time in a column of 9 characters, without fractions that don't fit. */
static void print_ns(double ns)
{
	printf("%9.*f ", ns < 99999 && ns > -9999 ? 3 : 0, ns);
}

/* Does the table show what contenders add to BENCH_NOTHING? */
static bool shows_added(const struct bench_group *group)
{
	for (unsigned i = 0; i < group->bench->contender_count; i++)
		if (group->cells[i].added.there)
			return true;
	return false;
}

/* Prints the columns at the right: two if there is room for all figures, and the last one. */
static void print_comparison(const struct bench_cell *cell, double reference, bool adds)
{
	const struct bench_figure *f = &cell->figure;

	if (room() == ROOM_FOR_ALL && adds && !cell->added.there) {
		printf("%9s %9s ", "-", "-");
	} else if (room() == ROOM_FOR_ALL) {
		print_ns(adds ? cell->added.min : f->mode_median[BENCH_PIE]);
		print_ns(adds ? cell->added.max : f->mode_median[BENCH_NON_PIE]);
	}
	if (adds && cell->added.there)
		printf("%8.*f", cell->added.median < 99999 ? 2 : 0,
		       cell->added.median > -0.005 && cell->added.median < 0 ? 0 : cell->added.median);
	else if (!adds && reference > 0)
		printf("%8.2f", f->median / reference);
	else
		printf("%8s", "-");
}

static void print_row(const struct bench_group *group, unsigned contender, double reference, double greatest)
{
	const struct bench_contender *what = &group->bench->contenders[contender];
	const struct bench_figure *f = &group->cells[contender].figure;
	char name[sizeof(what->name) + 2];

	snprintf(name, sizeof(name), "%s%s", what->name, explain_does_job(group->bench->name, what->name) ? "" : " *");
	if (!is_available(group, contender)) {
		printf("  %-*s ", name_width(), name);
		print_line(stdout, name_width() + 3, 0, "%s", group->cells[contender].unavailable);
		return;
	}
	printf("  %-*s ", name_width(), name);
	print_ns(f->median);
	if (room() >= ROOM_FOR_SPREAD) {
		print_ns(f->min);
		print_ns(f->max);
	}
	print_comparison(&group->cells[contender], reference, shows_added(group));
	if (bar_width() >= BAR_LEAST) {
		printf("  ");
		print_bar(f->median, greatest, bar_width());
	}
	putchar('\n');
}

static void print_heads(bool adds)
{
	printf("  %-*s %9s ", name_width(), "", "median");
	if (room() >= ROOM_FOR_SPREAD)
		printf("%9s %9s ", "min", "max");
	if (room() == ROOM_FOR_ALL)
		printf("%9s %9s ", adds ? "added min" : "PIE", adds ? "max" : "non-PIE");
	printf("%8s\n", adds ? "added" : "ratio");
}

/* Prints the private memory that contenders take, if it was measured. */
static void print_memory(const struct bench_group *group)
{
	char text[1024] = "";
	size_t length = 0;

	for (unsigned i = 0; i < group->bench->contender_count; i++) {
		double kib = group->cells[i].kib;
		const char *name = group->bench->contenders[i].name;

		if (!group->cells[i].has_memory || length >= sizeof(text))
			continue;
		length += (size_t)(kib < 0 ? snprintf(text + length, sizeof(text) - length, "; %s unknown", name) :
					     snprintf(text + length, sizeof(text) - length, "; %s %.0f", name, kib));
	}
	if (length > 0)
		print_line(stdout, 0, 2, "  private memory in KiB: %s", text + 2);
}

static void print_group(const struct bench_run *run, const struct bench_group *group)
{
	/* Each median is divided by the median of the first contender, which is rseqkit. */
	double reference = is_available(group, 0) ? group->cells[0].figure.median : 0, greatest = 0;
	char title[160];

	for (unsigned i = 0; i < group->bench->contender_count; i++)
		if (is_available(group, i) && group->cells[i].figure.median > greatest)
			greatest = group->cells[i].figure.median;
	snprintf(title, sizeof(title), "%s: %s, %u thread%s", group->bench->name, group->bench->what, group->threads,
		 group->threads == 1 ? "" : "s");
	print_coloured(COLOUR_BOLD, title);
	putchar('\n');
	print_line(stdout, 0, 2, "  rounds %u, rseq owned by %s", group->rounds,
		   run->owners[group->bench->contenders[0].environment]);
	if (group->rounds < BENCH_ROUNDS_FEW && greatest > 0) {
		snprintf(title, sizeof(title), "  only %u round%s, so figures are noisy; raise --time\n",
			 group->rounds, group->rounds == 1 ? "" : "s");
		print_coloured(COLOUR_YELLOW, title);
	}
	print_heads(shows_added(group));
	for (unsigned i = 0; i < group->bench->contender_count; i++)
		print_row(group, i, reference, greatest);
	print_memory(group);
	putchar('\n');
}

void bench_print_text(const struct bench_run *run)
{
	char model[128], text[1024];

	cpu_model(model, sizeof(model));
	snprintf(text, sizeof(text),
		 "Nanoseconds of CPU time per operation: median, min and max over %u code placements\n"
		 "(%u in a PIE, %u in a non-PIE program), each with its best round. The ratio is the\n"
		 "median divided by that of the first contender. A contender with a * doesn't do the\n"
		 "job, and is listed for comparison only. Where a column is named added, it has the\n"
		 "time minus that of the loop with nothing. CPUs: %u, %s\n%s\n",
		 BENCH_MODES * run->placements, run->placements, run->placements, run->cpus, model[0] ? model : "unknown",
		 room() == ROOM_FOR_ALL ? "" : "A wider terminal, or --json, shows all figures.\n");
	for (char *c = text; room() != ROOM_FOR_ALL && *c != '\0'; c++)
		if (*c == '\n' && c[1] != '\n' && c[1] != '\0')
			*c = ' ';
	print_wrapped(stdout, 0, 0, text);
	for (unsigned i = 0; i < run->group_count; i++)
		print_group(run, &run->groups[i]);
}

/* Adds a time, rounded to a tenth of a picosecond, which is far below the spread. */
static void put_ns(json_object *object, const char *key, double ns)
{
	char text[32];

	snprintf(text, sizeof(text), "%.4f", ns);
	json_put(object, key, json_object_new_double_s(ns, text));
}

/* Adds a share with two digits, because a fraction of a per cent isn't significant. */
static void put_share(json_object *object, const char *key, double share)
{
	char text[32];

	snprintf(text, sizeof(text), "%.2f", share);
	json_put(object, key, share < 0 ? NULL : json_object_new_double_s(share, text));
}

/* Returns what the contender adds to BENCH_NOTHING; NULL if the bench lacks that contender. */
static json_object *added_json(const struct bench_added *added)
{
	json_object *ns = added->there ? json_new() : NULL;

	if (ns != NULL) {
		put_ns(ns, "min", added->min);
		put_ns(ns, "median", added->median);
		put_ns(ns, "max", added->max);
	}
	return ns;
}

static json_object *result_json(const struct bench_run *run, const struct bench_group *group, unsigned contender)
{
	const struct bench_cell *cell = &group->cells[contender];
	const struct bench_figure *f = &cell->figure;
	enum bench_environment environment = group->bench->contenders[contender].environment;
	json_object *result = json_new(), *ns = json_new();

	put_ns(ns, "min", f->min);
	put_ns(ns, "median", f->median);
	put_ns(ns, "max", f->max);
	put_ns(ns, "pie", f->mode_median[BENCH_PIE]);
	put_ns(ns, "non_pie", f->mode_median[BENCH_NON_PIE]);
	json_put_string(result, "bench", group->bench->name);
	json_put_string(result, "contender", group->bench->contenders[contender].name);
	json_put_number(result, "threads", group->threads);
	json_put(result, "ns_per_op", ns);
	json_put(result, "added_ns", added_json(&cell->added));
	json_put(result, "private_kib",
		 cell->has_memory && cell->kib >= 0 ? json_object_new_int64((int64_t)cell->kib) : NULL);
	json_put_number(result, "rounds", group->rounds);
	json_put_string(result, "owner", run->owners[environment]);
	json_put_string(result, "library", bench_is_peer(environment) ? run->peers[environment].library : NULL);
	return result;
}

static json_object *unavailable_json(const struct bench_group *group, unsigned contender)
{
	json_object *entry = json_new();

	json_put_string(entry, "bench", group->bench->name);
	json_put_string(entry, "contender", group->bench->contenders[contender].name);
	json_put_number(entry, "threads", group->threads);
	json_put_string(entry, "reason", group->cells[contender].unavailable);
	return entry;
}

/* Returns NULL if the C library has no name for itself. */
static const char *libc_name(char *name, size_t size)
{
#ifdef _CS_GNU_LIBC_VERSION
	size_t length = confstr(_CS_GNU_LIBC_VERSION, name, size);

	return length > 0 && length <= size ? name : NULL;
#else
	(void)size;
	name[0] = '\0';
	return NULL;
#endif
}

/* Writes the time in UTC, such as 2026-02-28T12:34:56Z. */
static const char *put_time(char *text, size_t size)
{
	time_t now = time(NULL);
	struct tm parts;

	return gmtime_r(&now, &parts) != NULL && strftime(text, size, "%FT%TZ", &parts) > 0 ? text : NULL;
}

static json_object *machine_json(const struct bench_run *run)
{
	json_object *machine = json_new();
	struct utsname names;
	char model[128], kernel[sizeof(names.release)] = "", libc[64];

	cpu_model(model, sizeof(model));
	if (uname(&names) == 0)
		copy_printable(kernel, sizeof(kernel), names.release);
	json_put_number(machine, "cpus", run->cpus);
	json_put_string(machine, "model", model[0] ? model : NULL);
	json_put_string(machine, "kernel", kernel[0] ? kernel : NULL);
	json_put_string(machine, "libc", libc_name(libc, sizeof(libc)));
	return machine;
}

/*
 * Lists the measured benches with their contenders in order. The order must be listed, because the results don't show it if a
 * contender has no result.
 */
static json_object *benches_json(const struct bench_run *run)
{
	json_object *benches = json_object_new_array();

	for (unsigned i = 0; i < run->count; i++) {
		const struct bench *bench = &run->benches[i];
		json_object *entry, *contenders;

		if (!bench->selected)
			continue;
		entry = json_new();
		contenders = json_object_new_array();
		for (unsigned j = 0; j < bench->contender_count; j++)
			json_object_array_add(contenders, json_object_new_string(bench->contenders[j].name));
		json_put_string(entry, "name", bench->name);
		json_put_string(entry, "what", bench->what);
		json_put(entry, "contenders", contenders);
		json_object_array_add(benches, entry);
	}
	return benches;
}

json_object *bench_json(const struct bench_run *run)
{
	char date[32];
	json_object *results = json_object_new_array(), *unavailable = json_object_new_array();
	json_object *report = json_new();

	for (unsigned i = 0; i < run->group_count; i++)
		for (unsigned j = 0; j < run->groups[i].bench->contender_count; j++) {
			if (is_available(&run->groups[i], j))
				json_object_array_add(results, result_json(run, &run->groups[i], j));
			else
				json_object_array_add(unavailable, unavailable_json(&run->groups[i], j));
		}
	json_put_string(report, "schema", "rseqkit.bench/1");
	json_put_string(report, "date", put_time(date, sizeof(date)));
	json_put(report, "machine", machine_json(run));
	json_put_number(report, "placements", BENCH_MODES * run->placements);
	json_put_seconds(report, "seconds", run->seconds);
	put_share(report, "busy", run->busy);
	json_put(report, "benches", benches_json(run));
	json_put(report, "results", results);
	json_put(report, "unavailable", unavailable);
	return report;
}

bool bench_save_json(json_object *report, struct file *file)
{
	char *line = NULL;
	bool good;

	if (asprintf(&line, "%s\n", json_text(report)) < 0) {
		complain("out of memory");
		return false;
	}
	good = file_put(file, line, strlen(line));
	free(line);
	return good;
}
