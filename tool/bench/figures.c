/* SPDX-License-Identifier: MIT */
/* figures.c - reads the figures from the JSON of `rseqkit bench`, and checks all of the JSON (figures.h). */
#define _GNU_SOURCE
#include "figures.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "tool.h"

/* Plausible limits of a figure. The ratio of two figures within these limits fits on an axis. */
#define NS_MIN 1e-4
#define NS_MAX 1e12
#define SECONDS_MAX 1e9
#define KIB_MAX 1e9

/* A place in the JSON, for messages. */
struct json_place {
	const char *source, *array;
	size_t index;
};

static bool wrong(const struct json_place *place, const char *what)
{
	if (place->array != NULL)
		complain("%s: %s[%zu]: %s", place->source, place->array, place->index, what);
	else
		complain("%s: %s", place->source, what);
	return false;
}

static json_object *member(json_object *object, const char *key)
{
	json_object *value;

	return json_object_is_type(object, json_type_object) && json_object_object_get_ex(object, key, &value) ? value :
													NULL;
}

/* Stores a text, with '?' in place of characters that could harm a terminal. If the text is missing, stores `otherwise`. */
static void take_text(json_object *object, const char *key, const char *otherwise, char *text, size_t size)
{
	json_object *value = member(object, key);

	copy_printable(text, size, json_object_is_type(value, json_type_string) ? json_object_get_string(value) :
										  otherwise);
}

static bool is_name(const char *text)
{
	bool good = isalnum((unsigned char)text[0]) && strlen(text) < sizeof(((struct figures_bench *)NULL)->name);

	for (; good && *text != '\0'; text++)
		good = isascii((unsigned char)*text) && (isalnum((unsigned char)*text) || strchr("-._", *text) != NULL);
	return good;
}

/* Stores a name in name[32]. */
static bool take_name(json_object *value, const char *what, char *name, const struct json_place *place)
{
	const char *text = json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
	char complaint[64];

	if (text != NULL && is_name(text)) {
		memcpy(name, text, strlen(text) + 1);
		return true;
	}
	snprintf(complaint, sizeof(complaint), "\"%s\" is missing or not a name", what);
	return wrong(place, complaint);
}

static bool take_number(json_object *object, const char *key, double min, double max, double *number,
			const struct json_place *place)
{
	json_object *value = member(object, key);
	char complaint[96];

	if (json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double)) {
		*number = json_object_get_double(value);
		if (*number >= min && *number <= max) /* false for a NaN */
			return true;
	}
	snprintf(complaint, sizeof(complaint), "\"%s\" is missing or not a number from %g to %g", key, min, max);
	return wrong(place, complaint);
}

static bool take_count(json_object *object, const char *key, unsigned min, unsigned max, unsigned *count,
		       const struct json_place *place)
{
	double number;

	if (!take_number(object, key, min, max, &number, place))
		return false;
	*count = (unsigned)number;
	return true;
}

static struct figures_bench *get_bench(struct figures *figures, const char *name, const struct json_place *place)
{
	struct figures_bench *bench;

	for (unsigned i = 0; i < figures->bench_count; i++)
		if (strcmp(figures->benches[i].name, name) == 0)
			return &figures->benches[i];
	if (figures->bench_count == BENCH_MAX) {
		(void)wrong(place, "too many benches");
		return NULL;
	}
	bench = &figures->benches[figures->bench_count++];
	memcpy(bench->name, name, strlen(name) + 1);
	return bench;
}

/* Returns the contender's index, or -1. Adds the contender if it is new. */
static int get_contender(struct figures_bench *bench, const char *name, const struct json_place *place)
{
	for (unsigned i = 0; i < bench->contender_count; i++)
		if (strcmp(bench->contenders[i].name, name) == 0)
			return (int)i;
	if (bench->contender_count == BENCH_CONTENDERS_MAX) {
		(void)wrong(place, "too many contenders of one bench");
		return -1;
	}
	memcpy(bench->contenders[bench->contender_count].name, name, strlen(name) + 1);
	return (int)bench->contender_count++;
}

static struct figures_group *get_group(struct figures_bench *bench, unsigned threads, const struct json_place *place)
{
	for (unsigned i = 0; i < bench->group_count; i++)
		if (bench->groups[i].threads == threads)
			return &bench->groups[i];
	if (bench->group_count == BENCH_THREAD_COUNTS_MAX) {
		(void)wrong(place, "too many numbers of threads of one bench");
		return NULL;
	}
	bench->groups[bench->group_count].threads = threads;
	return &bench->groups[bench->group_count++];
}

/* Reads an entry of "benches": the order of contenders, and the description of the bench. */
static bool take_bench(struct figures *figures, json_object *entry, const struct json_place *place)
{
	json_object *contenders = member(entry, "contenders");
	struct figures_bench *bench;
	char name[32];

	if (!take_name(member(entry, "name"), "name", name, place) ||
	    (bench = get_bench(figures, name, place)) == NULL)
		return false;
	take_text(entry, "what", "", bench->what, sizeof(bench->what));
	if (!json_object_is_type(contenders, json_type_array))
		return wrong(place, "array \"contenders\" is missing");
	for (size_t i = 0; i < json_object_array_length(contenders); i++)
		if (!take_name(json_object_array_get_idx(contenders, i), "contenders", name, place) ||
		    get_contender(bench, name, place) < 0)
			return false;
	return true;
}

/* Reads the bench, the contender and the number of threads of an entry of "results" or "unavailable". */
static bool take_subject(struct figures *figures, json_object *entry, const struct json_place *place,
			 struct figures_bench **bench, struct figures_group **group, int *contender)
{
	char bench_name[32], name[32];
	unsigned threads;

	if (!take_name(member(entry, "bench"), "bench", bench_name, place) ||
	    !take_name(member(entry, "contender"), "contender", name, place) ||
	    !take_count(entry, "threads", 1, BENCH_THREADS_MAX, &threads, place) ||
	    (*bench = get_bench(figures, bench_name, place)) == NULL ||
	    (*contender = get_contender(*bench, name, place)) < 0)
		return false;
	*group = get_group(*bench, threads, place);
	return *group != NULL;
}

/*
 * Reads the time that a contender takes more than the empty loop (BENCH_NOTHING), and the contender's private memory. Each of
 * the two can be null or missing.
 */
static bool take_more(json_object *entry, struct figure *f, const struct json_place *place)
{
	json_object *ns = member(entry, "added_ns");

	f->added.there = ns != NULL;
	return (ns == NULL || (take_number(ns, "min", -NS_MAX, NS_MAX, &f->added.min, place) &&
			       take_number(ns, "median", f->added.min, NS_MAX, &f->added.median, place) &&
			       take_number(ns, "max", f->added.median, NS_MAX, &f->added.max, place))) &&
	       (member(entry, "private_kib") == NULL || take_number(entry, "private_kib", 0, KIB_MAX, &f->kib, place));
}

static bool take_result(struct figures *figures, json_object *entry, const struct json_place *place)
{
	json_object *ns = member(entry, "ns_per_op");
	struct figures_group *group;
	struct figures_bench *bench;
	struct figure f = {.kib = -1};
	int contender;

	if (!take_subject(figures, entry, place, &bench, &group, &contender) ||
	    !take_number(ns, "min", 0, NS_MAX, &f.min, place) ||
	    !take_number(ns, "median", f.min, NS_MAX, &f.median, place) ||
	    !take_number(ns, "max", f.median, NS_MAX, &f.max, place) || !take_more(entry, &f, place) ||
	    !take_count(entry, "rounds", 0, UINT32_MAX, &group->rounds, place))
		return false;
	if (f.min < NS_MIN)
		return wrong(place, "takes no time");
	if (figure_is_there(&group->figures[contender]))
		return wrong(place, "duplicate figure");
	group->figures[contender] = f;
	take_text(entry, "library", "", bench->contenders[contender].library,
		  sizeof(bench->contenders[contender].library));
	return true;
}

static bool take_unavailable(struct figures *figures, json_object *entry, const struct json_place *place)
{
	struct figures_group *group;
	struct figures_bench *bench;
	int contender;

	if (!take_subject(figures, entry, place, &bench, &group, &contender))
		return false;
	take_text(entry, "reason", "no reason given", bench->contenders[contender].unavailable,
		  sizeof(bench->contenders[contender].unavailable));
	return true;
}

static bool take_all(struct figures *figures, json_object *report, const char *source, const char *array,
		     bool (*take)(struct figures *, json_object *, const struct json_place *))
{
	json_object *entries = member(report, array);
	struct json_place place = {source, array, 0};

	if (!json_object_is_type(entries, json_type_array)) {
		complain("%s: array \"%s\" is missing", source, array);
		return false;
	}
	for (; place.index < json_object_array_length(entries); place.index++)
		if (!take(figures, json_object_array_get_idx(entries, place.index), &place))
			return false;
	return true;
}

static int compare_groups(const void *a, const void *b)
{
	unsigned x = ((const struct figures_group *)a)->threads, y = ((const struct figures_group *)b)->threads;

	return (x > y) - (x < y);
}

static void put_in_order(struct figures_bench *bench)
{
	qsort(bench->groups, bench->group_count, sizeof(bench->groups[0]), compare_groups);
	for (unsigned i = 0; i < bench->group_count; i++) {
		struct figures_group *group = &bench->groups[i];

		group->reference = -1;
		for (int j = (int)bench->contender_count - 1; j >= 0; j--)
			if (figure_is_there(&group->figures[j]))
				group->reference = j;
	}
}

bool figures_take(struct figures *figures, json_object *report, const char *source)
{
	json_object *schema = member(report, "schema"), *machine = member(report, "machine");
	const struct json_place top = {source, NULL, 0};

	*figures = (struct figures){.benches = calloc(BENCH_MAX, sizeof(figures->benches[0]))};
	if (figures->benches == NULL)
		return wrong(&top, "out of memory");
	if (!json_object_is_type(schema, json_type_string) ||
	    strcmp(json_object_get_string(schema), "rseqkit.bench/1") != 0)
		return wrong(&top, "\"schema\" is not rseqkit.bench/1");
	take_text(machine, "model", "unknown processor", figures->model, sizeof(figures->model));
	take_text(machine, "kernel", "unknown", figures->kernel, sizeof(figures->kernel));
	take_text(machine, "libc", "unknown libc", figures->libc, sizeof(figures->libc));
	take_text(report, "date", "unknown date", figures->date, sizeof(figures->date));
	figures->busy = -1;
	if (member(report, "busy") != NULL && !take_number(report, "busy", 0, 1, &figures->busy, &top))
		return false;
	if (!take_count(machine, "cpus", 1, UINT32_MAX, &figures->cpus, &top) ||
	    !take_count(report, "placements", 1, UINT32_MAX, &figures->placements, &top) ||
	    !take_number(report, "seconds", 0, SECONDS_MAX, &figures->seconds, &top))
		return false;
	/* The JSON of earlier releases lacks "benches". In such JSON the contenders are in the order of their results. */
	if (member(report, "benches") != NULL && !take_all(figures, report, source, "benches", take_bench))
		return false;
	if (!take_all(figures, report, source, "results", take_result) ||
	    !take_all(figures, report, source, "unavailable", take_unavailable))
		return false;
	for (unsigned i = 0; i < figures->bench_count; i++)
		put_in_order(&figures->benches[i]);
	return true;
}

bool figures_read(struct figures *figures, const char *path)
{
	json_object *report = json_object_from_file(path);
	bool good;

	*figures = (struct figures){0};
	if (report == NULL) {
		const char *why = json_util_get_last_err();
		char text[160];

		copy_printable(text, sizeof(text), why != NULL ? why : "not JSON");
		complain("cannot read %s: %s", path, text);
		return false;
	}
	good = figures_take(figures, report, path);
	json_object_put(report);
	return good;
}

void figures_release(struct figures *figures)
{
	free(figures->benches);
	figures->benches = NULL;
}
