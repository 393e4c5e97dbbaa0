/* SPDX-License-Identifier: MIT */
/*
 * test_trace.c - compares `rseqkit trace` and `rseqkit top` with what this kernel's tracefs says. This test is a program, so
 * that it also runs in guests (emulated machines, see tests/system), where trace.bats and top.bats can't run.
 *
 * The invariant: each test finds the right results without the tool. An instance of tracefs that belongs to the test records the
 * same events as text. The tool must leave no instance, and no changed setting.
 *
 * Environment: RSEQKIT (the tool) and HELPERS (the folder of the programs), as for trace.bats. EVENTS has the events of rseq
 * that the kernel must have, sorted and with a comma between them, or "none" for a kernel without tracefs. Without EVENTS, the
 * test accepts any events of the kernel, and skips if this process can't trace.
 */
#include "traced.h"
#include "schema.h"

/* Settings of the whole machine that the tool must leave alone. */
static const char *const settings[] = {"tracing_on", "trace_clock", "buffer_size_kb", "set_event_pid", "options/record-cmd",
				       "options/event-fork", "options/overwrite", "events/enable"};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))
static char *before[SETTINGS];

static json_object *value_of(json_object *object, const char *key)
{
	json_object *value = NULL;

	if (!json_object_object_get_ex(object, key, &value))
		fail_msg("no %s in %s", key, json_object_to_json_string(object));
	return value;
}

static int64_t number_of(json_object *object, const char *key)
{
	return json_object_get_int64(value_of(object, key));
}

/* Returns the string of the key. Returns "(null)", which is always wrong, if the object lacks the key. */
static const char *name_of(json_object *object, const char *key)
{
	const char *name = json_object_get_string(value_of(object, key));

	return name != NULL ? name : "(null)";
}

static int64_t sum_of(json_object *summary, const char *table, const char *key)
{
	json_object *rows = value_of(summary, table);
	int64_t sum = 0;

	for (size_t i = 0; i < json_object_array_length(rows); i++)
		sum += number_of(json_object_array_get_idx(rows, i), key);
	return sum;
}

static void read_lines(struct lines *lines)
{
	char *text = text_of(AT_FDCWD, out), *saved = NULL;

	*lines = (struct lines){0};
	assert_schema(text);
	for (char *line = strtok_r(text, "\n", &saved); line != NULL; line = strtok_r(NULL, "\n", &saved)) {
		json_object *object = json_tokener_parse(line);
		const char *event = name_of(object, "event");

		if (strcmp(event, "abort") == 0) {
			lines->abort = (json_object **)realloc(lines->abort, (lines->aborts + 1) * sizeof(json_object *));
			lines->abort[lines->aborts++] = object;
		} else if (strcmp(event, "summary") == 0) {
			lines->summary = object;
		} else {
			json_object_put(object);
		}
	}
	free(text);
	(void)unlink(out);
	assert_non_null(lines->summary);
}

static void forget_lines(struct lines *lines)
{
	for (size_t i = 0; i < lines->aborts; i++)
		json_object_put(lines->abort[i]);
	free(lines->abort);
	json_object_put(lines->summary);
}

/* `texts` is the test's own trace. Removes the lines of threads that aren't in the tool's summary. */
static void keep_threads(struct texts *texts, json_object *summary)
{
	json_object *threads = value_of(summary, "threads");
	size_t kept = 0;

	for (size_t i = 0; i < texts->count; i++) {
		bool known = false;

		for (size_t j = 0; j < json_object_array_length(threads); j++)
			known |= number_of(json_object_array_get_idx(threads, j), "tid") == atoi(texts->text[i]);
		if (known)
			texts->text[kept++] = texts->text[i];
		else
			free(texts->text[i]);
	}
	texts->count = kept;
}

/* Returns the aborts that the tool printed, in the form in which end_record() returns them. */
static struct texts texts_of(const struct lines *lines)
{
	struct texts texts = {0};

	for (size_t i = 0; i < lines->aborts; i++) {
		json_object *abort = lines->abort[i];
		char text[512];

		snprintf(text, sizeof(text), "%d %d regs_ip=%s start_ip=%s post_commit_offset=%d abort_ip=%s",
			 (int)number_of(abort, "tid"), (int)number_of(abort, "cpu"), name_of(abort, "ip"), name_of(abort, "start_ip"),
			 (int)number_of(value_of(abort, "section"), "length"), name_of(abort, "abort_ip"));
		add_text(&texts, text);
	}
	sort_texts(&texts);
	return texts;
}

/* Checks the abort's process, thread and addresses. Returns true if it was in a section of the function count_thousand(). */
static bool is_named(json_object *abort, int64_t pid)
{
	json_object *section = value_of(abort, "section");
	uint64_t ip = strtoull(name_of(abort, "ip"), NULL, 16), start = strtoull(name_of(abort, "start_ip"), NULL, 16);

	assert_int_equal(number_of(abort, "pid"), pid);
	assert_int_not_equal(number_of(abort, "tid"), pid);
	assert_string_equal(name_of(abort, "process"), "aborted");
	assert_string_equal(name_of(abort, "thread"), "worker");
	assert_true(ip - start < (uint64_t)number_of(section, "length"));
	return strcmp(name_of(abort, "symbol"), "count_thousand") == 0 &&
	       strcmp(name_of(section, "symbol"), "count_thousand") == 0 &&
	       number_of(abort, "offset") - number_of(section, "offset") == (int64_t)(ip - start);
}

static void check_nothing_left(void)
{
	DIR *folder = fdopendir(openat(tracefs(), "instances", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	char mine[64];
	struct dirent *entry;

	assert_non_null(folder);
	/* Tools that other tests run now can have instances. Their names contain the ids of living processes. */
	while ((entry = readdir(folder)) != NULL)
		if (sscanf(entry->d_name, "rseqkit-%63[0-9]", mine) == 1 && kill((pid_t)atoi(mine), 0) != 0)
			fail_msg("%s is left", entry->d_name);
	closedir(folder);
	for (size_t i = 0; i < SETTINGS; i++) {
		char *now = text_of(tracefs(), settings[i]);

		if (strcmp(now, before[i]) != 0)
			fail_msg("%s was %s and is %s", settings[i], before[i], now);
		free(now);
	}
}

static void the_kernel_is_as_expected(void **state)
{
	static const char *const events[] = {"rseq_ip_fixup", "rseq_update"};
	const char *expected = getenv("EVENTS");
	char got[64] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (has_event(events[i]))
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", got[0] != '\0' ? "," : "", events[i]);
	if (tracefs() < 0)
		snprintf(got, sizeof(got), "none");
	printf("# events of rseq: %s\n", got);
	if (expected == NULL) {
		printf("# reason: EVENTS isn't set\n");
		skip();
	}
	assert_string_equal(got, expected);
}

/* Each abort has one line with the right numbers and names, and the sums are right. */
static void each_abort_is_named(void **state)
{
	static const char *const tables[] = {"instructions", "processes", "threads", "cpus"};
	struct texts wanted, got;
	struct lines lines;
	size_t named = 0;
	pid_t tool;

	(void)state;
	NEED_ABORTS();
	begin_record();
	tool = start_traced(NOTHING, "", "name=worker threads=2 interval=500000");
	wait_for_aborts(200);
	end_traced(tool);
	wanted = end_record("rseq_ip_fixup");
	read_lines(&lines);
	for (size_t i = 0; i < lines.aborts; i++)
		named += is_named(lines.abort[i], number_of(value_of(lines.summary, "program"), "pid"));
	/* The other aborts are in sections of slow paths. */
	assert_true(named >= lines.aborts / 10 * 9);
	assert_int_equal(json_object_array_length(value_of(lines.summary, "threads")), 2);
	got = texts_of(&lines);
	assert_int_equal(print_differences(&got, &wanted), 0);
	assert_int_equal(number_of(lines.summary, "aborts"), lines.aborts);
	assert_int_equal(number_of(lines.summary, "lost"), 0);
	assert_int_equal(number_of(lines.summary, "damaged"), 0);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		assert_int_equal(sum_of(lines.summary, tables[i], "aborts"), lines.aborts);
	printf("# %zu aborts\n", lines.aborts);
	forget_texts(&got);
	forget_texts(&wanted);
	forget_lines(&lines);
	check_nothing_left();
}

/* While the tool is stopped, its small buffer gets full. The kernel reported as many aborts as the tool counted or lost. */
static void losses_are_counted(void **state)
{
	struct texts wanted;
	struct lines lines;
	int64_t lost;
	pid_t tool;

	(void)state;
	NEED_ABORTS();
	begin_record();
	tool = start_traced(NOTHING, "--buffer 4", "interval=500000");
	wait_for_aborts(100);
	kill(tool, SIGSTOP);
	wait_for_aborts(2000);
	kill(tool, SIGCONT);
	end_traced(tool);
	wanted = end_record("rseq_ip_fixup");
	read_lines(&lines);
	lost = number_of(lines.summary, "lost");
	printf("# %zu aborts, %lld lost, %zu reported\n", lines.aborts, (long long)lost, wanted.count);
	assert_true(lines.aborts > 0);
	assert_true(lost > 0);
	assert_int_equal(number_of(lines.summary, "aborts"), lines.aborts);
	assert_int_equal(lost + (int64_t)lines.aborts, wanted.count);
	forget_texts(&wanted);
	forget_lines(&lines);
	check_nothing_left();
}

/* With --updates, the tool's counts equal the numbers of events that the kernel reported for these threads. */
static void updates_are_counted(void **state)
{
	struct texts wanted;
	struct lines lines;
	pid_t tool;

	(void)state;
	NEED_ABORTS();
	if (!has_event("rseq_update")) {
		printf("# reason: no event rseq_update\n");
		skip();
	}
	begin_record();
	tool = start_traced(NOTHING, "--updates", "threads=2 interval=500000");
	wait_for_aborts(100);
	end_traced(tool);
	wanted = end_record("rseq_update");
	read_lines(&lines);
	keep_threads(&wanted, lines.summary);
	printf("# %lld updates\n", (long long)number_of(lines.summary, "updates"));
	assert_true(wanted.count > 0);
	assert_int_equal(sum_of(lines.summary, "threads", "updates"), wanted.count);
	/* The sum also has threads without an abort, which have no row. */
	assert_true(number_of(lines.summary, "updates") >= (int64_t)wanted.count);
	forget_texts(&wanted);
	forget_lines(&lines);
	check_nothing_left();
}

/* Without a terminal, top prints as many tables as its option says. They contain the function whose section aborts. */
static void top_prints_tables(void **state)
{
	int titles = 0, rows = 0;
	char *said, words[128];
	struct texts wanted;
	int64_t all = 0;
	pid_t target;

	(void)state;
	NEED_ABORTS();
	begin_record();
	target = start(NOTHING, "$HELPERS/aborted interval=500000 1000", -1);
	wait_for_aborts(10);
	snprintf(words, sizeof(words), "top --count 3 --interval 1 --pid %d", (int)target);
	assert_int_equal(run_tool(NOTHING, words, &said), 0);
	kill(target, SIGKILL);
	assert_int_equal(exit_status_of(target), 128 + SIGKILL);
	wanted = end_record("rseq_ip_fixup");
	for (char *line = said; line != NULL && *line != '\0'; line = strchr(line, '\n'), line += line != NULL) {
		char *end = strchr(line, '\n'), *name = strstr(line, " count_thousand+0x");
		long long rate, total;

		if (line[0] != '\n' && sscanf(line, "%lld aborts/s, %lld in all", &rate, &total) == 2) {
			assert_true(total >= all);
			all = total;
			titles++;
		} else if (name != NULL && name < end && sscanf(line, "%lld %lld", &rate, &total) == 2) {
			rows++;
		}
	}
	assert_int_equal(titles, 3);
	assert_true(rows > 0);
	assert_true(all > 0);
	assert_true(all < (int64_t)wanted.count);
	free(said);
	forget_texts(&wanted);
	check_nothing_left();
}

/* Where no tracefs is mounted, the tool uses a mount that no other process sees. */
static void a_mount_of_its_own(void **state)
{
	struct lines lines;
	struct texts wanted;
	pid_t tool;

	(void)state;
	NEED_ABORTS();
	begin_record();
	tool = start_traced(MOUNTS, "", "interval=500000");
	wait_for_aborts(20);
	end_traced(tool);
	wanted = end_record("rseq_ip_fixup");
	read_lines(&lines);
	assert_int_equal(lines.aborts, wanted.count);
	forget_texts(&wanted);
	forget_lines(&lines);
	check_nothing_left();
}

/* The tool says what the kernel lacks, and doesn't run the program. */
static void check_refusal(enum hidden hidden, const char *words, int status, const char *reason)
{
	char *said;
	int got = run_tool(hidden, words, &said);

	if (got != status || strstr(said, reason) == NULL)
		fail_msg("exit status %d instead of %d, and it said: %s", got, status, said);
	free(said);
	assert_int_not_equal(access(out, F_OK), 0);
}

/* Parts of tracefs that this kernel has are hidden from the tool. The tool must say which part is missing. */
static void missing_parts_are_named(void **state)
{
	(void)state;
	if (tracefs() < 0 && errno != ENODEV) {
		printf("# reason: %s\n", strerror(errno));
		skip();
	}
	check_refusal(tracefs() < 0 ? NOTHING : TRACEFS, "trace -- touch $OUT", 2, "this kernel has no tracefs");
	check_refusal(tracefs() < 0 ? NOTHING : TRACEFS, "top --count 1", 2, "this kernel has no tracefs");
	if (tracefs() < 0)
		return;
	check_refusal(ABORTS, "trace -- touch $OUT", 3, "no event rseq:rseq_ip_fixup");
	check_refusal(ABORTS, "top --count 1", 3, "no event rseq:rseq_ip_fixup");
	if (has_event("rseq_update"))
		check_refusal(UPDATES, "trace --updates -- touch $OUT", 3, "no event rseq:rseq_update");
	check_nothing_left();
}

static int prepare(void **state)
{
	(void)state;
	if (has_event("rseq_ip_fixup")) {
		struct texts texts;

		/* Up to Linux 6.1, the first event of any instance makes the buffers of the whole machine larger, once and for all. */
		begin_record();
		texts = end_record("rseq_ip_fixup");
		forget_texts(&texts);
	}
	for (size_t i = 0; i < SETTINGS && tracefs() >= 0; i++)
		before[i] = text_of(tracefs(), settings[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_is_as_expected), cmocka_unit_test(each_abort_is_named),
		cmocka_unit_test(losses_are_counted),        cmocka_unit_test(updates_are_counted),
		cmocka_unit_test(top_prints_tables),         cmocka_unit_test(a_mount_of_its_own),
		cmocka_unit_test(missing_parts_are_named),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(TEST_SECONDS);
	return cmocka_run_group_tests(tests, prepare, NULL);
}
