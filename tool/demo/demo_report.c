/* SPDX-License-Identifier: MIT */
/* demo_report.c - prints the result of `rseqkit demo` as text or as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "demo.h"
#include "common/json.h"
#include "common/output.h"

#define BAR_WIDTH 40

static const char *owner_sentence(enum rk_owner owner)
{
	switch (owner) {
	case RK_OWNER_LIBC:
		return "the C library registered every thread; the counters use its areas";
	case RK_OWNER_SELF:
		return "the C library registers no thread, so rseqkit registers every thread of this program";
	case RK_OWNER_EARLY:
		return "another component shares its areas; the counters use them";
	case RK_OWNER_LIBRSEQ:
		return "librseq registers the threads that ask it to; the counters use its areas";
	case RK_OWNER_KERNEL:
		return "the kernel itself registers every thread; the counters use its areas";
	case RK_OWNER_FOREIGN:
		return "another component has a private area, so the counters use their fallback";
	case RK_OWNER_NONE:
		break;
	}
	return "rseq isn't available (see 'rseqkit doctor'), so the counters use their fallback";
}

/*
 * Prints a bar on a line that already has `before` columns. The bar is at most as long as the rest of the line. If the rest is
 * too short, prints the bar on a new line.
 */
static void print_bar_after(int before, double value, double greatest)
{
	int columns = output_columns(stdout), room = columns == 0 ? BAR_WIDTH : columns - before;

	if (room < BAR_WIDTH / 4) {
		fputs("\n    ", stdout);
		room = columns - 4;
	}
	print_bar(value, greatest, room < BAR_WIDTH ? room : BAR_WIDTH);
	putchar('\n');
}

static void print_counts(const struct demo_result *result)
{
	const struct demo_reference *reference = &result->reference;
	const struct demo_wc *wc = &reference->wc;

	printf("%12s %12s %12s\n", "lines", "words", "bytes");
	print_line(stdout, 0, 2, "%12" PRIu64 " %12" PRIu64 " %12" PRIu64 "  per-CPU counters", result->counts.of[DEMO_LINE],
	       result->counts.of[DEMO_WORD], demo_total_bytes(&result->counts));
	print_line(stdout, 0, 2, "%12" PRIu64 " %12" PRIu64 " %12" PRIu64 "  one thread alone", reference->counts.of[DEMO_LINE],
	       reference->counts.of[DEMO_WORD], demo_total_bytes(&reference->counts));
	if (wc->missing == NULL)
		print_line(stdout, 0, 2, "%12" PRIu64 " %12" PRIu64 " %12" PRIu64 "  wc -lwc%s", wc->lines, wc->words, wc->bytes,
		       wc->counts_runs && reference->runs != reference->counts.of[DEMO_WORD]
			       ? " (this wc also counts unprintable words)"
			       : "");
	else
		print_line(stdout, 0, 2, "%38s  wc: %s", "-", wc->missing);
	fputs("\nverified: ", stdout);
	print_coloured(result->verified ? COLOUR_GREEN : COLOUR_RED, result->verified ? "yes" : "NO");
	print_line(stdout, (int)strlen("verified: yes"), 2,
		   result->verified ? ", all totals and histograms of all methods agree" : "");
}

static void print_times(const struct demo_result *result)
{
	double slowest = 0;

	for (int m = 0; m < DEMO_METHODS; m++)
		if (result->methods[m].median > slowest)
			slowest = result->methods[m].median;
	putchar('\n');
	print_coloured(COLOUR_BOLD, "time for one pass");
	print_line(stdout, (int)strlen("time for one pass"), 2, " (median of %d rounds, fastest, passes per round)", DEMO_ROUNDS);
	for (int m = 0; m < DEMO_METHODS; m++) {
		char row[80];
		int size = snprintf(row, sizeof(row), "  %-13s %10.3f ms %10.3f ms %8" PRIu64 "  ",
				    demo_method_name((enum demo_method)m), result->methods[m].median * 1e3,
				    result->methods[m].fastest * 1e3, result->methods[m].passes);

		print_wrapped(stdout, 0, 2, row);
		print_bar_after(size, result->methods[m].median, slowest);
	}
}

static void print_lengths(const struct demo_counts *counts)
{
	uint64_t greatest = 0;
	int last = 0;

	for (int i = 0; i < DEMO_LENGTHS; i++) {
		if (counts->of[DEMO_LENGTH + i] > greatest)
			greatest = counts->of[DEMO_LENGTH + i];
		if (counts->of[DEMO_LENGTH + i] > 0)
			last = i;
	}
	if (greatest == 0)
		return;
	putchar('\n');
	print_coloured(COLOUR_BOLD, "words by length");
	putchar('\n');
	for (int i = 0; i <= last; i++) {
		printf("  %2d%c %12" PRIu64 "  ", i + 1, i + 1 == DEMO_LENGTHS ? '+' : ' ',
		       counts->of[DEMO_LENGTH + i]);
		print_bar_after(21, (double)counts->of[DEMO_LENGTH + i], (double)greatest);
	}
}

void demo_print_text(const struct demo_result *result)
{
	print_line(stdout, 0, 2, "%zu file%s, %u threads on %u CPU%s, %zu bytes at a time", result->files,
		   result->files == 1 ? "" : "s", result->threads, result->cpus, result->cpus == 1 ? "" : "s", result->chunk);
	print_line(stdout, 0, 2, "rseq: owner %s; %s", rk_owner_name(result->owner), owner_sentence(result->owner));
	putchar('\n');
	print_counts(result);
	print_times(result);
	print_lengths(&result->counts);
}

static json_object *histogram(const uint64_t *counts, int size)
{
	json_object *array = json_new_array();

	for (int i = 0; i < size; i++)
		json_add(array, json_object_new_uint64(counts[i]));
	return array;
}

static json_object *wc_object(const struct demo_wc *wc)
{
	json_object *object;

	if (wc->missing != NULL)
		return NULL;
	object = json_new();
	json_put_number(object, "lines", wc->lines);
	json_put_number(object, "words", wc->words);
	json_put_number(object, "bytes", wc->bytes);
	json_put(object, "counts_unprintable_words", json_object_new_boolean(wc->counts_runs));
	return object;
}

void demo_print_json(const struct demo_result *result)
{
	json_object *object = json_new(), *seconds = json_new(), *fastest = json_new(), *passes = json_new();

	for (int m = 0; m < DEMO_METHODS; m++) {
		const char *name = demo_method_name((enum demo_method)m);

		json_put_seconds(seconds, name, result->methods[m].median);
		json_put_seconds(fastest, name, result->methods[m].fastest);
		json_put_number(passes, name, result->methods[m].passes);
	}
	json_put_string(object, "schema", "rseqkit.demo/1");
	json_put_string(object, "owner", rk_owner_name(result->owner));
	json_put_number(object, "files", result->files);
	json_put_number(object, "bytes", demo_total_bytes(&result->counts));
	json_put_number(object, "lines", result->counts.of[DEMO_LINE]);
	json_put_number(object, "words", result->counts.of[DEMO_WORD]);
	json_put(object, "verified", json_object_new_boolean(result->verified));
	json_put(object, "seconds", seconds);
	json_put(object, "fastest_seconds", fastest);
	json_put(object, "passes", passes);
	json_put_number(object, "rounds", DEMO_ROUNDS);
	json_put_number(object, "threads", result->threads);
	json_put_number(object, "cpus", result->cpus);
	json_put_number(object, "chunk", result->chunk);
	json_put_number(object, "skipped", result->skipped);
	json_put(object, "wc", wc_object(&result->reference.wc));
	json_put(object, "byte_histogram", histogram(result->counts.of + DEMO_BYTE, DEMO_BYTE_VALUES));
	json_put(object, "word_length_histogram", histogram(result->counts.of + DEMO_LENGTH, DEMO_LENGTHS));
	json_print(object);
}
