/* SPDX-License-Identifier: MIT */
/*
 * verify.c - makes the references with which `rseqkit demo` compares its counts.
 *
 * wc reads exactly the counted bytes through a pipe. The tool adds a newline after each file, so that words of two files don't
 * join, and subtracts these newlines from wc's answer. Some versions of wc count a run of unprintable bytes as a word, so wc
 * first gets one such run as a test.
 */
#define _GNU_SOURCE
#include "verify.h"

#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/child.h"
#include "common/file.h"
#include "common/output.h"
#include "tool.h"

/*
 * The time limit for wc in seconds: WC_BEGINS plus WC_TIMES times the time that count_file() takes for all files, but at most
 * WC_MAX. wc takes about as long as count_file(), so WC_TIMES is enough on any machine.
 */
#define WC_BEGINS 10
#define WC_TIMES 20
#define WC_MAX 600

/*
 * Counts the events of a file. This function is deliberately different from count_chunk(): it uses whole files, the libc's
 * character classes, and plain additions.
 */
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

/*
 * In the child: executes wc. A grandchild writes wc's input. The grandchild ends when it has written all input, or when wc
 * has ended.
 */
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
		/*
		 * The kernel kills this process when wc ends. Otherwise a write could wait for ever, because a process that wc
		 * has started can keep wc's input open without reading it.
		 */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(out);
		close(ends[0]);
		for (size_t i = 0; ok && i < input->count; i++)
			ok = file_write(ends[1], input->files[i].bytes, input->files[i].size) == 0 &&
			     file_write(ends[1], "\n", 1) == 0;
		_exit(!ok);
	}
	close(ends[1]);
	/* In the C locale, wc of newer coreutils also ends words at bytes of 0xa0, unless POSIXLY_CORRECT is set. */
	if (dup2(ends[0], STDIN_FILENO) < 0 || setenv("LC_ALL", "C", 1) != 0 || setenv("POSIXLY_CORRECT", "1", 1) != 0)
		return CHILD_NO_EXEC;
	close(ends[0]);
	return child_exec(out, arguments);
}

/* Reads wc's answer. Returns NULL, or why wc gave no answer. */
static const char *take_answer(const struct child_result *result, const struct demo_input *input, struct demo_wc *wc)
{
	if (result->end == CHILD_TIMED_OUT)
		return "wc gave no answer in time, and was ended";
	if (result->end == CHILD_EXITED && result->number == CHILD_NO_PROGRAM)
		return "there is no wc on this machine";
	if (!child_succeeded(result))
		return "wc could not be run, or failed";
	if (sscanf(result->output, "%" SCNu64 " %" SCNu64 " %" SCNu64, &wc->lines, &wc->words, &wc->bytes) != 3 ||
	    wc->lines < input->count || wc->bytes < input->count)
		return "wc's answer isn't three counts";
	wc->lines -= input->count;
	wc->bytes -= input->count;
	return NULL;
}

/* Runs wc. `counted` is the number of seconds that count_file() took for all files. */
static void ask_wc(const struct demo_input *input, double counted, struct demo_wc *wc)
{
	double limit = WC_BEGINS + WC_TIMES * counted;
	struct child_result result;

	limit = limit < WC_MAX ? limit : WC_MAX;
	print_progress("waiting for wc ...");
	child_run(run_wc, input, (int)(limit * 1000), &result);
	print_progress(NULL);
	if (result.end == CHILD_TIMED_OUT)
		complain("wc gave no answer in %.0f seconds, and was ended; only the count by one thread is left as a reference",
			 limit);
	wc->missing = take_answer(&result, input, wc);
}

void demo_reference_make(const struct demo_input *input, struct demo_reference *reference)
{
	unsigned char unprintable[] = "\001";
	struct demo_file file = {unprintable, 1};
	struct demo_input trial = {.files = &file, .count = 1, .size = 1};
	double start = demo_now(), counted;

	*reference = (struct demo_reference){0};
	print_progress("counting with one thread ...");
	for (size_t i = 0; i < input->count; i++)
		count_file(&input->files[i], reference);
	counted = demo_now() - start;
	ask_wc(&trial, 0, &reference->wc);
	reference->wc.counts_runs = reference->wc.words == 1;
	if (reference->wc.missing == NULL)
		ask_wc(input, counted, &reference->wc);
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
		complain("%s counted %" PRIu64 " %s (event %u) in %" PRIu64 " passes, but one thread counts %" PRIu64,
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
