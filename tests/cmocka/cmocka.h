/* SPDX-License-Identifier: MIT */
/*
 * cmocka.h - the part of cmocka that the unit tests use. It is for C libraries without a cmocka package, and for static
 * programs, which can't use the packages. Names and meanings are cmocka's; TAP goes to standard output.
 */
#ifndef RK_TEST_CMOCKA_H
#define RK_TEST_CMOCKA_H

#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct CMUnitTest {
	const char *name;
	void (*run)(void **state);
	int (*setup)(void **state), (*teardown)(void **state);
	void *initial_state;
};

enum { RK_TEST_FAILED = 1, RK_TEST_SKIPPED = 2 };

static jmp_buf rk_test_way_out;

#define cmocka_unit_test(function) {#function, function, NULL, NULL, NULL}
#define cmocka_unit_test_setup(function, setup) {#function, function, setup, NULL, NULL}
#define cmocka_unit_test_setup_teardown(function, setup, teardown) {#function, function, setup, teardown, NULL}
#define CM_OUTPUT_TAP 0
#define cmocka_set_message_output(format) ((void)(format))
#define skip() longjmp(rk_test_way_out, RK_TEST_SKIPPED)

#define fail_msg(...)                                                                                                  \
	do {                                                                                                           \
		printf("# %s:%d: ", __FILE__, __LINE__);                                                               \
		printf(__VA_ARGS__);                                                                                   \
		putchar('\n');                                                                                         \
		longjmp(rk_test_way_out, RK_TEST_FAILED);                                                              \
	} while (0)

#define assert_true(condition)                                                                                         \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			fail_msg("%s", #condition);                                                                    \
	} while (0)
#define assert_false(condition) assert_true(!(condition))
#define assert_non_null(pointer) assert_true((pointer) != NULL)
#define assert_null(pointer) assert_true((pointer) == NULL)
#define assert_ptr_equal(a, b) assert_true((const void *)(a) == (const void *)(b))
#define assert_ptr_not_equal(a, b) assert_true((const void *)(a) != (const void *)(b))
#define assert_string_equal(a, b) assert_true(strcmp(a, b) == 0)
#define assert_string_not_equal(a, b) assert_true(strcmp(a, b) != 0)
#define assert_memory_equal(a, b, size) assert_true(memcmp(a, b, size) == 0)
#define assert_int_not_equal(a, b) assert_true((intmax_t)(a) != (intmax_t)(b))
#define assert_int_equal(a, b)                                                                                         \
	do {                                                                                                           \
		intmax_t rk_a = (intmax_t)(a), rk_b = (intmax_t)(b);                                                   \
		if (rk_a != rk_b)                                                                                      \
			fail_msg("%s is %jd, not %jd", #a, rk_a, rk_b);                                                \
	} while (0)

/* Whether TEST_IMPOSSIBLE in the environment, a list with blanks or newlines, has this test. */
static inline int rk_test_is_impossible(const char *name)
{
	const char *list = getenv("TEST_IMPOSSIBLE"), *found = list;
	size_t length = strlen(name);

	while (found != NULL && (found = strstr(found, name)) != NULL) {
		if ((found == list || strchr(" \n", found[-1]) != NULL) && strchr(" \n", found[length]) != NULL)
			return 1;
		found++;
	}
	return 0;
}

/* Returns 0 if the test passed, otherwise RK_TEST_FAILED or RK_TEST_SKIPPED. */
static inline int rk_test_run_one(const struct CMUnitTest *test)
{
	void *state = test->initial_state;
	int outcome = setjmp(rk_test_way_out);

	if (outcome == 0 && rk_test_is_impossible(test->name)) {
		printf("# reason: not possible in this environment\n");
		skip();
	}
	if (outcome == 0) {
		assert_true(test->setup == NULL || test->setup(&state) == 0);
		test->run(&state);
		assert_true(test->teardown == NULL || test->teardown(&state) == 0);
	}
	return outcome;
}

/* Runs the tests, and prints the same lines as cmocka. The script tests/tap corrects the lines of skipped tests. */
static inline int rk_test_run(const struct CMUnitTest *tests, size_t count, int (*setup)(void **),
			      int (*teardown)(void **))
{
	void *state = NULL;
	int failed = setup != NULL && setup(&state) != 0;

	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		static const char *const words[] = {"ok %zu - %s\n", "not ok %zu - %s\n", "not ok %zu # SKIP %s\n"};
		int outcome;

		fflush(stdout); /* before the test forks */
		outcome = rk_test_run_one(&tests[i]);
		failed += outcome == RK_TEST_FAILED;
		printf(words[outcome], i + 1, tests[i].name);
		fflush(stdout);
	}
	return failed + (teardown != NULL && teardown(&state) != 0);
}

#define cmocka_run_group_tests(tests, setup, teardown)                                                                 \
	rk_test_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#endif /* RK_TEST_CMOCKA_H */
