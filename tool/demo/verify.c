/* SPDX-License-Identifier: MIT */
/*
 * verify.c - what the demo's counts are compared with.
 *
 * wc gets the very bytes that were counted, through a pipe, with a newline behind each file so that words of two files
 * don't join; those newlines are taken off again. Versions of wc differ in what a word of unprintable bytes is: one
 * such word is tried first.
 */
#define _GNU_SOURCE
#include "verify.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/child.h"
#include "tool.h"

/* Milliseconds for wc; it counts a gigabyte in seconds. */
#define WC_LIMIT 600000

/* Deliberately another program than count_chunk(): whole files, the libc's character classes, plain additions. */
static void count_file(const struct demo_file *file, struct demo_reference *reference)
{
	uint64_t *of = reference->counts.of;
	const unsigned char *at = file->bytes, *end = file->bytes + file->size;

	for (const unsigned char *p = at; p < end; p++)
		of[DEMO_BYTE + *p]++;
	for (const unsigned char *p = at;
	     p < end && (p = (const unsigned char *)memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		of[DEMO_LINE]++;
	while (at < end) {
		const unsigned char *start;
		bool counts = false;

		while (at < end && isspace(*at))
			at++;
		for (start = at; at < end && !isspace(*at); at++)
			counts = counts || isgraph(*at);
		if (at == start)
			continue;
		reference->runs++;
		if (counts) {
			size_t length = (size_t)(at - start);

			of[DEMO_WORD]++;
			of[DEMO_LENGTH + (length > DEMO_LENGTHS ? DEMO_LENGTHS : length) - 1]++;
		}
	}
}

static bool write_all(int fd, const void *bytes, size_t size)
{
	const char *at = (const char *)bytes;

	while (size > 0) {
		ssize_t n = write(fd, at, size);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			at += n;
			size -= (size_t)n;
		}
	}
	return true;
}

/* In the child: wc, fed by a grandchild that ends when it is done or wc is gone. */
static int run_wc(int out, const void *argument)
{
	const struct demo_input *input = (const struct demo_input *)argument;
	char program[] = "wc", option[] = "-lwc";
	char *arguments[] = {program, option, NULL};
	bool ok = true;
	int ends[2];
	pid_t feeder;

	if (pipe(ends) != 0 || (feeder = fork()) < 0)
		return CHILD_NO_EXEC;
	if (feeder == 0) {
		close(out);
		close(ends[0]);
		for (size_t i = 0; ok && i < input->count; i++)
			ok = write_all(ends[1], input->files[i].bytes, input->files[i].size) &&
			     write_all(ends[1], "\n", 1);
		_exit(!ok);
	}
	close(ends[1]);
	if (dup2(ends[0], STDIN_FILENO) < 0 || setenv("LC_ALL", "C", 1) != 0)
		return CHILD_NO_EXEC;
	close(ends[0]);
	return child_exec(out, arguments);
}

static void ask_wc(const struct demo_input *input, struct demo_wc *wc)
{
	struct child_result result;

	child_run(run_wc, input, WC_LIMIT, &result);
	if (result.end == CHILD_EXITED && result.number == CHILD_NO_PROGRAM)
		wc->missing = "there is no wc on this machine";
	else if (!child_succeeded(&result))
		wc->missing = "wc could not be run, or failed";
	else if (sscanf(result.output, "%" SCNu64 " %" SCNu64 " %" SCNu64, &wc->lines, &wc->words, &wc->bytes) != 3 ||
		 wc->lines < input->count || wc->bytes < input->count)
		wc->missing = "wc gave an answer that isn't three counts";
	else
		wc->missing = NULL;
	if (wc->missing == NULL) {
		wc->lines -= input->count;
		wc->bytes -= input->count;
	}
}

void demo_reference_make(const struct demo_input *input, struct demo_reference *reference)
{
	unsigned char unprintable[] = "\001";
	struct demo_file file = {unprintable, 1};
	struct demo_input trial = {&file, 1, 1, 0};

	*reference = (struct demo_reference){0};
	for (size_t i = 0; i < input->count; i++)
		count_file(&input->files[i], reference);
	ask_wc(&trial, &reference->wc);
	reference->wc.counts_runs = reference->wc.words == 1;
	if (reference->wc.missing == NULL)
		ask_wc(input, &reference->wc);
}

static const char *event_name(unsigned event)
{
	return event == DEMO_LINE    ? "lines"
	       : event == DEMO_WORD  ? "words"
	       : event < DEMO_LENGTH ? "bytes"
				     : "words of one length";
}

bool demo_reference_check(const struct demo_reference *reference, enum demo_method method,
			  const struct demo_counts *counts, uint64_t passes)
{
	for (unsigned event = 0; event < DEMO_EVENTS; event++) {
		uint64_t expected = reference->counts.of[event] * passes;

		if (counts->of[event] == expected)
			continue;
		complain("%s counted %" PRIu64 " %s (event %u) in %" PRIu64 " passes; one thread alone counts %" PRIu64,
			 demo_method_name(method), counts->of[event], event_name(event), event, passes, expected);
		return false;
	}
	return true;
}

bool demo_reference_check_wc(const struct demo_reference *reference)
{
	const struct demo_wc *wc = &reference->wc;
	uint64_t words = wc->counts_runs ? reference->runs : reference->counts.of[DEMO_WORD];

	if (wc->missing != NULL || (wc->lines == reference->counts.of[DEMO_LINE] && wc->words == words &&
				    wc->bytes == demo_total_bytes(&reference->counts)))
		return true;
	complain("wc says %" PRIu64 " lines, %" PRIu64 " words, %" PRIu64 " bytes; counted here: %" PRIu64 ", %" PRIu64
		 ", %" PRIu64,
		 wc->lines, wc->words, wc->bytes, reference->counts.of[DEMO_LINE], words,
		 demo_total_bytes(&reference->counts));
	return false;
}

uint64_t demo_total_bytes(const struct demo_counts *counts)
{
	uint64_t bytes = 0;

	for (unsigned value = 0; value < DEMO_BYTE_VALUES; value++)
		bytes += counts->of[DEMO_BYTE + value];
	return bytes;
}
