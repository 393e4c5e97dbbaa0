/* SPDX-License-Identifier: MIT */
/*
 * The kernel's list of possible CPUs: its format, and agreement with the machine. Linked statically to reach the
 * parser.
 */
#include "test.h"
#include "cpus.h"

static void parses(void **state)
{
	static const struct {
		const char *text;
		int result, count, highest;
	} cases[] = {
		{"0", 0, 1, 0},
		{"0\n", 0, 1, 0},
		{"0-3\n", 0, 4, 3},
		{"0-3,8,10-11\n", 0, 7, 11},
		{"5,1,3-4,3\n", 0, 4, 5},
		{"0-8191\n", 0, 8192, 8191},
		{"8191", 0, 1, 8191},
		{"8192", -ERANGE, 0, 0},
		{"99999999999999999999", -ERANGE, 0, 0},
		{"0-8192", -ERANGE, 0, 0},
		{"", -EINVAL, 0, 0},
		{"\n", -EINVAL, 0, 0},
		{"a", -EINVAL, 0, 0},
		{"-1", -EINVAL, 0, 0},
		{"3-1", -EINVAL, 0, 0},
		{"0-", -EINVAL, 0, 0},
		{"0,", -EINVAL, 0, 0},
		{"0 1", -EINVAL, 0, 0},
		{"0x3", -EINVAL, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rk_cpus cpus;
		int r = rk_cpus_parse(cases[i].text, &cpus);

		if (r != cases[i].result || (r == 0 && (cpus.count != cases[i].count || cpus.highest != cases[i].highest)))
			fail_msg("\"%s\": result %d, count %d, highest %d", cases[i].text, r, cpus.count, cpus.highest);
	}
}

static void agrees_with_the_machine(void **state)
{
	int walked = 0, last = -1;

	(void)state;
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		assert_true(cpu > last);
		last = cpu;
		walked++;
	}
	assert_int_equal(walked, rk_cpus_count());
	assert_true(walked >= sysconf(_SC_NPROCESSORS_ONLN));
	assert_int_equal(rk_cpus_next(last), -1);
	assert_int_equal(rk_cpus_next(RK_CPUS_MAX), -1);
	assert_int_equal(rk_cpus_next(-100), rk_cpus_next(-1));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(parses),
	cmocka_unit_test(agrees_with_the_machine),
};

RUN(tests)
