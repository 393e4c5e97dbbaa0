/* SPDX-License-Identifier: MIT */
/*
 * compare.c - runs a program under `rseqkit exec` several times. In every second run, threads ask the kernel for more time while
 * they hold a lock. The reports of exec say how often threads were preempted while they held a lock.
 *
 *	compare less | told RSEQKIT NAME PROGRAM [ARGUMENT...]
 *
 * `less`: with requests, holders of locks must be preempted less often than without. `told`: the test prints the counts and
 * doesn't compare them, because the program has too few locks.
 */
#include "../unit/slices.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#define TURNS 2 /* runs with requests, and as many without */
#define TRIES 5 /* all runs are made at most this many times, because a busy machine can spoil the results */

enum { REGIONS, PREEMPTED, UNKNOWN, GRANTS, WAITS, FIELDS };
static const char *const fields[] = {"regions", "preempted", "unknown", "granted", "waits"};

static bool must_be_less;
static char **arguments; /* the tool's path, a name, the program's arguments */
static char report[] = "/tmp/rseqkit-slices-XXXXXX";

static int run(const char *way)
{
	char option[sizeof(report) + 16], *list[64] = {arguments[0], (char *)(uintptr_t)"exec", (char *)(uintptr_t)way, option};
	pid_t pid;

	snprintf(option, sizeof(option), "--report=%s", report);
	for (int i = 0; arguments[2 + i] != NULL && i < 59; i++)
		list[4 + i] = arguments[2 + i];
	pid = fork();
	if (pid == 0) {
		(void)dup2(2, 1); /* this program's own output is TAP */
		execv(list[0], list);
		perror(list[0]);
		_exit(127);
	}
	return exit_status_of(pid);
}

/*
 * Adds the numbers of the report to `sums`, and empties the report. The report has a line for each process. Stores in `requests`
 * the last process's text about requests.
 */
static void add_up(int64_t sums[FIELDS], char requests[128])
{
	FILE *file = fopen(report, "re");
	char line[2048];

	CHECK(file != NULL);
	while (fgets(line, sizeof(line), file) != NULL) {
		const char *text = strstr(line, "\"requests\": \"");

		CHECK(text != NULL && sscanf(text, "\"requests\": \"%127[^\"]", requests) == 1);
		for (int i = 0; i < FIELDS; i++) {
			char key[32];

			snprintf(key, sizeof(key), "\"%s\": ", fields[i]);
			text = strstr(line, key);
			CHECK(text != NULL);
			sums[i] += atoll(text + strlen(key));
		}
	}
	fclose(file);
	CHECK(truncate(report, 0) == 0);
}

static void print(const char *requests, const int64_t sums[FIELDS])
{
	printf("# slices: {\"lock\": \"%s\", \"cpus\": %d, \"requests\": \"%s\"", arguments[1], get_nprocs(), requests);
	for (int i = 0; i < FIELDS; i++)
		printf(", \"%s\": %lld", fields[i], (long long)sums[i]);
	printf("}\n");
}

static void compare(int64_t off[FIELDS], int64_t on[FIELDS])
{
	char requests_off[128] = "", requests_on[128] = "";

	memset(off, 0, FIELDS * sizeof(off[0]));
	memset(on, 0, FIELDS * sizeof(on[0]));
	for (int i = 0; i < TURNS; i++) {
		assert_int_equal(run("--watch"), 0);
		add_up(off, requests_off);
		assert_int_equal(run("--slice"), 0);
		add_up(on, requests_on);
	}
	print(requests_off, off);
	print(requests_on, on);
	assert_string_equal(requests_off, "not made");
	assert_true(off[REGIONS] > 0 && on[REGIONS] > 0);
	assert_int_equal(off[GRANTS], 0);
}

/* If the kernel has no slice extension, this test only checks that the program runs and is watched. */
static void holders_are_preempted_less(void **state)
{
	int64_t off[FIELDS], on[FIELDS];
	bool seen = false;

	(void)state;
	compare(off, on);
	if (!kernel_offers()) {
		assert_int_equal(on[GRANTS], 0);
		SKIP("no slice extension here");
	}
	for (int try = 0; try < TRIES && must_be_less && !seen; try++) {
		if (try > 0)
			compare(off, on);
		seen = on[GRANTS] > 0 && on[PREEMPTED] * off[REGIONS] < off[PREEMPTED] * on[REGIONS];
	}
	assert_int_equal(seen, must_be_less);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(holders_are_preempted_less)};
	int fd, failed;

	must_be_less = argc > 1 && strcmp(argv[1], "less") == 0;
	if (argc < 5 || (!must_be_less && strcmp(argv[1], "told") != 0)) {
		fputs("usage: compare less | told RSEQKIT NAME PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	arguments = argv + 2;
	fd = mkstemp(report);
	if (fd < 0)
		return 2;
	close(fd);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(report);
	return failed;
}
