/* SPDX-License-Identifier: MIT */
/*
 * Tests that settings come from the environment that the program was started with, even if the array of pointers to the
 * environment's strings is changed before the library's constructor runs. This program executes itself. Its second run
 * changes the pointers before all constructors, as an earlier constructor could do.
 *
 * The second run calls rk_choice() twice, and its exit status contains both answers. At the first call, the library can
 * read /proc/self/environ. At the second call it can't open this file, because no file descriptor is free.
 *
 * This test is linked statically, because it calls functions that aren't exported.
 */
#include "test.h"
#include <sys/resource.h>
#include "os/choice.h"

static char own[] = "RSEQKIT_AREA=own", ktls[] = "RSEQKIT_AREA=ktls", almost[] = "RSEQKIT_AREA=owned", other[] = "OTHER=1",
	    another[] = "ANOTHER=2", empty[] = "";

enum change { NOTHING, REMOVE_FIRST, REMOVE_SECOND, REPLACE_SECOND, SWAP_ARGUMENTS };

static const struct {
	const char *what;
	char *strings[4]; /* the environment */
	char *argument;
	enum change change;
	enum rk_choice in_place; /* the answer without a free descriptor */
	enum rk_choice answer;   /* the usual answer */
} cases[] = {
	{"first", {own, other}, other, NOTHING, RK_CHOICE_OWN, RK_CHOICE_OWN},
	{"last", {other, another, own}, other, NOTHING, RK_CHOICE_OWN, RK_CHOICE_OWN},
	{"after an empty string", {other, empty, own}, empty, NOTHING, RK_CHOICE_OWN, RK_CHOICE_OWN},
	{"after a longer value", {almost, ktls}, other, NOTHING, RK_CHOICE_KTLS, RK_CHOICE_KTLS},
	{"twice", {ktls, own}, other, NOTHING, RK_CHOICE_KTLS, RK_CHOICE_KTLS},
	{"none", {other, another}, other, NOTHING, RK_CHOICE_NONE, RK_CHOICE_NONE},
	{"no environment", {NULL}, other, NOTHING, RK_CHOICE_NONE, RK_CHOICE_NONE},
	{"an argument", {other}, own, NOTHING, RK_CHOICE_NONE, RK_CHOICE_NONE},
	{"an argument, and no environment", {NULL}, own, NOTHING, RK_CHOICE_NONE, RK_CHOICE_NONE},
	{"removed", {other, own, another}, other, REMOVE_SECOND, RK_CHOICE_OWN, RK_CHOICE_OWN},
	{"the first one removed", {own, other}, other, REMOVE_FIRST, RK_CHOICE_NONE, RK_CHOICE_OWN},
	{"the only one removed", {own}, other, REMOVE_FIRST, RK_CHOICE_NONE, RK_CHOICE_OWN},
	{"added", {another, other}, other, REPLACE_SECOND, RK_CHOICE_NONE, RK_CHOICE_NONE},
	{"replaced", {other, own}, other, REPLACE_SECOND, RK_CHOICE_OWN, RK_CHOICE_OWN},
	{"something else replaced", {own, other}, other, REPLACE_SECOND, RK_CHOICE_OWN, RK_CHOICE_OWN},
	{"arguments in another order", {own, other}, other, SWAP_ARGUMENTS, RK_CHOICE_NONE, RK_CHOICE_OWN},
};

/* Runs before all constructors, so calls no function of the libc. argv[1] is the case, and argv[2] the case's argument. */
static void before_constructors(int argc, char **argv, char **environment)
{
	char *last = argc == 3 ? argv[2] : NULL;

	if (last == NULL)
		return;
	switch (cases[argv[1][0] - 'a'].change) {
	case NOTHING:
		break;
	case REMOVE_FIRST:
	case REMOVE_SECOND:
		environment += cases[argv[1][0] - 'a'].change == REMOVE_SECOND;
		do
			environment[0] = environment[1];
		while (*environment++ != NULL);
		break;
	case REPLACE_SECOND:
		environment[1] = ktls;
		break;
	case SWAP_ARGUMENTS:
		argv[2] = argv[1];
		argv[1] = last;
		break;
	}
}

__attribute__((__section__(".preinit_array"), __used__)) static void (*const first)(int, char **, char **) = before_constructors;

/* Runs after the library's constructor, and exits with the two answers. */
__attribute__((__constructor__)) static void answer(int argc, char **argv, char **environment)
{
	struct rlimit none = {0, 0};
	enum rk_choice choice = RK_CHOICE_NONE;

	(void)argv;
	(void)environment;
	if (argc != 3)
		return;
	choice = rk_choice();
	(void)setrlimit(RLIMIT_NOFILE, &none);
	_exit((int)choice | (int)rk_choice() << 3);
}

/* Executes this program for the case `number`. */
static int answer_of(int number)
{
	char name[] = "test_choice", which[] = {(char)('a' + number), '\0'};
	char *const arguments[] = {name, which, cases[number].argument, NULL};

	(void)execve("/proc/self/exe", arguments, cases[number].strings);
	return 99;
}

static void settings_are_those_of_the_start(void **state)
{
	(void)state;
	(void)rk_process_init(); /* makes the linker take the constructor from the archive */
	for (int i = 0; i < (int)(sizeof(cases) / sizeof(cases[0])); i++) {
		int status = in_child_with(answer_of, i);

		if (status != (int)(cases[i].answer | cases[i].in_place << 3))
			printf("# %s: %d\n", cases[i].what, status);
		assert_int_equal(status & 7, cases[i].answer);
		assert_int_equal(status >> 3, cases[i].in_place);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(settings_are_those_of_the_start),
};

RUN(tests)
