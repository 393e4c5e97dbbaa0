/* SPDX-License-Identifier: MIT */
/*
 * look.h - starts target programs, and reads the output of `rseqkit inspect --json` about them.
 *
 * Environment: RSEQKIT (the tool) and HELPERS (the folder of the programs), as for inspect.bats.
 */
#ifndef TESTS_CLI_LOOK_H
#define TESTS_CLI_LOOK_H

#include "test.h"
#include "schema.h"
#include <fcntl.h>
#include <json-c/json.h>
#include <sys/prctl.h>

/* Describes how a target program is started, and the started process. */
struct target {
	bool off, full_size; /* `off`: the libc's tunable is off. `full_size`: the target runs under `rseqkit exec --full-size` */
	const char *preload; /* a module of this directory, or NULL */
	const char *name, *argument;
	pid_t pid;
	FILE *output;
};

/* The result of one run of `rseqkit inspect`. */
struct look {
	int status;
	json_object *json, *threads;
	int count;
};

static const char *helper(char path[4096], const char *name)
{
	snprintf(path, 4096, "%s/%s", getenv("HELPERS"), name);
	return path;
}

static _Noreturn void become(const struct target *target, int out)
{
	char program[4096], preload[4096];
	const char *tool = getenv("RSEQKIT");

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	(void)helper(program, target->name);
	if (target->off)
		setenv("GLIBC_TUNABLES", "glibc.pthread.rseq=0", 1);
	if (target->preload != NULL)
		setenv("LD_PRELOAD", helper(preload, target->preload), 1);
	if (target->full_size)
		execl(tool, tool, "exec", "--full-size", "--", program, target->argument, (char *)NULL);
	else
		execl(program, program, target->argument, (char *)NULL);
	_exit(127);
}

static void start(struct target *target)
{
	char line[64] = "";
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	target->pid = fork();
	if (target->pid == 0)
		become(target, ends[1]);
	close(ends[1]);
	target->output = fdopen(ends[0], "r");
	assert_non_null(target->output);
	assert_non_null(fgets(line, sizeof(line), target->output));
	assert_string_equal(line, "ready\n");
}

static void end(struct target *target)
{
	kill(target->pid, SIGKILL);
	assert_int_equal(exit_status_of(target->pid), 128 + SIGKILL);
	fclose(target->output);
}

/* Ends a target that notices when it is disturbed (inspected.c). The target must report that it wasn't disturbed. */
static void end_undisturbed(struct target *target)
{
	char line[256] = "";

	kill(target->pid, SIGTERM);
	assert_non_null(fgets(line, sizeof(line), target->output));
	assert_string_equal(line, "undisturbed\n");
	assert_int_equal(exit_status_of(target->pid), 0);
	fclose(target->output);
}

static struct look look_at(const struct target *target)
{
	char command[4200], *text = NULL;
	size_t size = 0;
	struct look look = {0};
	FILE *output;

	snprintf(command, sizeof(command), "'%s' inspect --json %d", getenv("RSEQKIT"), (int)target->pid);
	output = popen(command, "r");
	assert_non_null(output);
	if (getdelim(&text, &size, '\0', output) > 0) {
		look.json = json_tokener_parse(text);
		assert_schema(text);
	}
	free(text);
	look.status = pclose(output);
	look.status = WIFEXITED(look.status) ? WEXITSTATUS(look.status) : -1;
	if (look.json != NULL && json_object_object_get_ex(look.json, "threads", &look.threads))
		look.count = (int)json_object_array_length(look.threads);
	assert_non_null(look.threads);
	assert_int_not_equal(look.count, 0);
	return look;
}

static void forget(struct look *look)
{
	json_object_put(look->json);
}

static json_object *of_thread(const struct look *look, int index, const char *key)
{
	json_object *value = NULL;

	assert_true(json_object_object_get_ex(json_object_array_get_idx(look->threads, (size_t)index), key, &value));
	return value;
}

/* Returns the number of threads whose value of `key` is `text`. */
static int count_of(const struct look *look, const char *key, const char *text)
{
	int count = 0;

	for (int i = 0; i < look->count; i++) {
		const char *value = json_object_get_string(of_thread(look, i, key));

		count += value != NULL && strcmp(value, text) == 0;
	}
	return count;
}

static int number_of(const struct look *look, int index, const char *key)
{
	return json_object_get_int(of_thread(look, index, key));
}

/* Checks the exit status and the ids of the findings. `expected` has the ids in their order, separated by blanks. */
static void check_findings(const struct look *look, int status, const char *expected)
{
	json_object *findings = NULL;
	char ids[256] = "";

	assert_true(json_object_object_get_ex(look->json, "findings", &findings));
	for (size_t i = 0; i < json_object_array_length(findings); i++) {
		json_object *id = NULL;

		assert_true(json_object_object_get_ex(json_object_array_get_idx(findings, i), "id", &id));
		snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids), "%s%s", i == 0 ? "" : " ",
			 json_object_get_string(id));
	}
	assert_string_equal(ids, expected);
	assert_int_equal(look->status, status);
}

#endif
