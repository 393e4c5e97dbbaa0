/* SPDX-License-Identifier: MIT */
/*
 * stamped_traced.c - the process that writes events by lttng-ust, for the bench `stamped`. stamped_daemon.c executes it.
 *
 * Prints "ready", or "unavailable WHY". Then each line of standard input is a request, and each answer is a line:
 *
 *   N       writes N events; answers with nanoseconds
 *   check   records a snapshot, and looks for the last events in it; answers "good" or "bad WHY"
 *
 * Ends at the end of input.
 */
#define _GNU_SOURCE
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "stamped_tracepoint.h"

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define MARK 0x5253454bULL /* the upper half of the number in each event, so that the check finds the numbers in a file */
#define LAST 1000 /* the check looks for this many of the latest events */

static uint64_t written; /* the number of events so far */
static unsigned char found[LAST];

static uint64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t write_events(unsigned long long count)
{
	uint64_t number = MARK << 32 | (uint32_t)written, start = now();

	for (unsigned long long i = 0; i < count; i++)
		lttng_ust_tracepoint(rseqkit_bench, field, number++);
	written += count;
	return now() - start;
}

/* Marks in found[] which of the last LAST events the file has. */
static int look_into(const char *path, const struct stat *status, int type, struct FTW *place)
{
	char *bytes = type == FTW_F && status->st_size > 0 ? malloc((size_t)status->st_size) : NULL;
	FILE *file = bytes != NULL ? fopen(path, "re") : NULL;
	size_t size = file != NULL ? fread(bytes, 1, (size_t)status->st_size, file) : 0;
	uint64_t number;

	(void)place;
	for (size_t i = 0; i + sizeof(number) <= size; i++) {
		memcpy(&number, bytes + i, sizeof(number));
		if (number >> 32 == MARK && (uint32_t)(written - 1) - (uint32_t)number < LAST)
			found[(uint32_t)(written - 1) - (uint32_t)number] = 1;
	}
	if (file != NULL)
		(void)fclose(file);
	free(bytes);
	return 0;
}

/* LTTNG_HOME is a folder that only this process and its daemon use. */
static void check(void)
{
	const char *home = getenv("LTTNG_HOME");
	unsigned count = 0;

	if (system("lttng snapshot record >/dev/null 2>&1") != 0) {
		puts("bad lttng snapshot record fails");
		return;
	}
	memset(found, 0, sizeof(found));
	(void)nftw(home, look_into, 16, FTW_PHYS);
	for (size_t i = 0; i < LAST && i < written; i++)
		count += found[i];
	if (count == (written < LAST ? written : LAST))
		puts("good");
	else
		printf("bad the snapshot has %u of the last %d events\n", count, LAST);
}

int main(void)
{
	char line[64];

	if (!lttng_ust_tracepoint_enabled(rseqkit_bench, field)) {
		puts("unavailable lttng's daemon doesn't enable the tracepoint");
		return 1;
	}
	puts("ready");
	while (fflush(stdout) == 0 && fgets(line, sizeof(line), stdin) != NULL)
		if (strcmp(line, "check\n") == 0)
			check();
		else
			printf("%llu\n", (unsigned long long)write_events(strtoull(line, NULL, 10)));
	return 0;
}
