/* SPDX-License-Identifier: MIT */
/*
 * test_recorder.c - runs programs under the recorder (examples/recorder), and counts the records of the traces. The test needs
 * no other program, so that it can run in guests: emulated machines with other processors and kernels. The script `run` also
 * checks the traces' format, if Python is installed.
 *
 * Environment: RECORDER and PROGRAM are the paths of the recorder and of the program that is recorded.
 */
#include "test.h"

#include <dirent.h>
#include <string.h>

#define THREADS_MAX 256

/* The contents of a trace: numbers of records, and facts of its header. */
struct trace {
	long lines;                      /* lines that hold an event */
	long aligned, memalign, reallocs; /* calls of aligned_alloc(), posix_memalign() and realloc() */
	long lock, trylock;
	long out_of_order; /* records that are earlier than the previous record of the same thread */
	long made, recorded, lost;
	bool is_libc; /* the trace says that the libc registers threads */
};

static char folder[] = "/tmp/recorder-XXXXXX";

static const char *path_of(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static long number_after(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at == NULL ? -1 : strtol(at + strlen(key), NULL, 10);
}

static bool is_event(const char *line, const char *name)
{
	const char *at = strstr(line, "{\"name\":\"");

	return at != NULL && strncmp(at + 9, name, strlen(name)) == 0 && at[9 + strlen(name)] == '"';
}

static struct trace read_trace(const char *name)
{
	static char line[4096];
	long next[THREADS_MAX] = {0};
	struct trace trace = {.made = -1};
	FILE *file = fopen(path_of(name), "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		long thread = number_after(line, "\"thread\":"), sequence = number_after(line, "\"sequence\":");

		trace.lines += line[0] == '[' || line[0] == '{';
		trace.aligned += is_event(line, "aligned_alloc");
		trace.memalign += is_event(line, "posix_memalign");
		trace.reallocs += is_event(line, "realloc");
		trace.lock += is_event(line, "pthread_mutex_lock");
		trace.trylock += is_event(line, "pthread_mutex_trylock");
		trace.is_libc = trace.is_libc || strstr(line, "\"rseq\":\"libc\"") != NULL;
		if (thread >= 0) {
			assert_true(thread < THREADS_MAX);
			trace.out_of_order += sequence != next[thread];
			next[thread] = sequence + 1;
		}
		if (is_event(line, "recording ends")) {
			trace.made = number_after(line, "\"made\":");
			trace.recorded = number_after(line, "\"recorded\":");
			trace.lost = number_after(line, "\"lost\":");
		}
	}
	assert_int_equal(fclose(file), 0);
	assert_string_equal(line, "]\n");
	assert_int_equal(trace.made, trace.recorded + trace.lost);
	if (trace.lost == 0)
		assert_int_equal(trace.out_of_order, 0);
	return trace;
}

/* Runs the program in one of its ways. The program's trace is `trace`; the traces of its children are `trace.NUMBER`. */
static void record(const char *size, const char *way, const char *count, const char *threads)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl(getenv("RECORDER"), "recorder", "-o", path_of("trace"), "-s", size, getenv("PROGRAM"), way, count, threads,
		      (char *)NULL);
		_exit(127);
	}
	assert_int_equal(exit_status_of(pid), 7);
}

/* Checks the records of `works` calls of work(), each with this `count`. */
static void assert_works(const struct trace *trace, long count, long works)
{
	assert_int_equal(trace->lost, 0);
	assert_int_equal(trace->aligned, count * works);
	assert_int_equal(trace->memalign, count * works);
	assert_int_equal(trace->reallocs, count * works);
	assert_int_equal(trace->lock, count * works);
	assert_int_equal(trace->trylock, count * works);
}

static void threads_are_recorded(void **state)
{
	struct trace trace;

	(void)state;
	record("4194304", "threads", "100", "4");
	trace = read_trace("trace");
	assert_works(&trace, 100, 8);
	assert_int_equal(trace.is_libc, world_owner() == RK_OWNER_LIBC);
}

static void full_rings_are_counted(void **state)
{
	struct trace all, some;

	(void)state;
	record("67108864", "none", "2000", "1");
	all = read_trace("trace");
	record("8192", "none", "2000", "1");
	some = read_trace("trace");
	assert_int_equal(all.lost, 0);
	assert_int_equal(some.made, all.made);
	assert_true(some.lost > 0);
}

/* Records two children, and a child of each of these children. */
static void children_have_traces(void **state)
{
	DIR *dir;
	long works = 0;

	(void)state;
	record("4194304", "forks", "30", "2");
	dir = opendir(folder);
	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		struct trace trace;

		if (strncmp(entry->d_name, "trace", 5) != 0)
			continue;
		trace = read_trace(entry->d_name);
		assert_works(&trace, 30, trace.aligned / 30);
		works += trace.aligned / 30;
		if (entry->d_name[5] != '\0')
			assert_int_equal(unlink(path_of(entry->d_name)), 0);
	}
	assert_int_equal(closedir(dir), 0);
	assert_int_equal(works, 1 + 2 + 2 * 4);
}

static void vfork_children_are_recorded(void **state)
{
	struct trace trace = {.lost = -1};

	(void)state;
	/*
	 * The children write to the overflow ring, which is the ring of threads without rseq. If the recorder's reader is
	 * preempted while it holds this ring, a child waits only for a short time, and can lose records. The test therefore
	 * tries several times.
	 */
	for (int tries = 1; trace.lost != 0 && tries <= 30; tries++) {
		record("67108864", "vforks", "50", "10");
		trace = read_trace("trace");
		assert_true(trace.lost >= 0 && trace.aligned + trace.lost >= 50 * 10 + 10);
		if (trace.lost == 0)
			printf("# nothing lost at try %d\n", tries);
	}
	assert_int_equal(trace.lost, 0);
	assert_int_equal(trace.aligned, 50 * 10 + 10);
}

static void conditions_are_recorded(void **state)
{
	struct trace trace;

	(void)state;
	record("4194304", "conditions", "1", "1");
	trace = read_trace("trace");
	assert_int_equal(trace.lost, 0);
	assert_int_equal(trace.lock, 8);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)unlink(path_of("trace"));
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_are_recorded),
		cmocka_unit_test(full_rings_are_counted),
		cmocka_unit_test(children_have_traces),
		cmocka_unit_test(vfork_children_are_recorded),
		cmocka_unit_test(conditions_are_recorded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(TEST_SECONDS);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
