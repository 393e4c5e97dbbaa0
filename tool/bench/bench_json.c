/* SPDX-License-Identifier: MIT */
/*
 * bench_json.c - writes the figures of `rseqkit bench` as JSON, with a description of the machine. A contender is one of the ways
 * to do a bench's job, and a group is a bench with one number of threads. The contender BENCH_NOTHING is a loop without an
 * operation.
 */
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
#include "tool.h"

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

/* Makes the object with the time that a contender takes more than BENCH_NOTHING; NULL if the bench lacks BENCH_NOTHING. */
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

/* Returns the C library's name and version, or NULL if they aren't known. */
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

	bench_processor(model, sizeof(model));
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
	json_object *benches = json_new_array();

	for (unsigned i = 0; i < run->count; i++) {
		const struct bench *bench = &run->benches[i];
		json_object *entry, *contenders;

		if (!bench->selected)
			continue;
		entry = json_new();
		contenders = json_new_array();
		for (unsigned j = 0; j < bench->contender_count; j++)
			json_add(contenders, json_object_new_string(bench->contenders[j].name));
		json_put_string(entry, "name", bench->name);
		json_put_string(entry, "what", bench->what);
		json_put(entry, "contenders", contenders);
		json_add(benches, entry);
	}
	return benches;
}

json_object *bench_json(const struct bench_run *run)
{
	char date[32];
	json_object *results = json_new_array(), *unavailable = json_new_array();
	json_object *report = json_new();

	for (unsigned i = 0; i < run->group_count; i++)
		for (unsigned j = 0; j < run->groups[i].bench->contender_count; j++) {
			if (bench_is_available(&run->groups[i], j))
				json_add(results, result_json(run, &run->groups[i], j));
			else
				json_add(unavailable, unavailable_json(&run->groups[i], j));
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
