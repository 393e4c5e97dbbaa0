/* SPDX-License-Identifier: MIT */
/*
 * same.c - checks that a program prints the same and ends with the same status by itself, under `rseqkit exec --slice`, and under
 * `rseqkit exec --watch`.
 *
 *	same RSEQKIT PROGRAM [ARGUMENT...]
 */
#include "../unit/test.h"

#define OUTPUT_MAX 65536

static char **arguments;

/* Runs the program and stores both of its outputs; `way` is exec's option, or NULL. Returns the program's exit status. */
static int run(const char *way, char output[OUTPUT_MAX])
{
	char *list[64] = {arguments[0], (char *)(uintptr_t)"exec", (char *)(uintptr_t)way, (char *)(uintptr_t)"--"};
	size_t size = 0;
	ssize_t got;
	int ends[2];
	pid_t pid;

	for (int i = 1; arguments[i] != NULL && i < 60; i++)
		list[3 + i] = arguments[i];
	CHECK(pipe(ends) == 0);
	pid = fork();
	if (pid == 0) {
		char **command = way == NULL ? arguments + 1 : list;

		(void)dup2(ends[1], 1);
		(void)dup2(ends[1], 2);
		close(ends[0]);
		close(ends[1]);
		execv(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	close(ends[1]);
	while (size < OUTPUT_MAX - 1 && (got = read(ends[0], output + size, OUTPUT_MAX - 1 - size)) > 0)
		size += (size_t)got;
	output[size] = '\0';
	close(ends[0]);
	return exit_status_of(pid);
}

static void it_prints_the_same(void **state)
{
	static char plain[OUTPUT_MAX], under[OUTPUT_MAX];
	int end = run(NULL, plain);
	const char *printed;

	(void)state;
	assert_int_equal(end, 0);
	assert_true(strlen(plain) > 1000 && strlen(plain) < OUTPUT_MAX - 1);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(run(i == 0 ? "--slice" : "--watch", under), end);
		/* Possibly exec first prints that this kernel has no slice extension. */
		printed = strncmp(under, "rseqkit exec: ", 14) == 0 ? strchr(under, '\n') + 1 : under;
		assert_string_equal(printed, plain);
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(it_prints_the_same)};

	if (argc < 3) {
		fputs("usage: same RSEQKIT PROGRAM [ARGUMENT...]\n", stderr);
		return 2;
	}
	arguments = argv + 1;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
