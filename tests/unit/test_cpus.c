/* SPDX-License-Identifier: MIT */
/*
 * Tests the parser of the kernel's list of possible CPUs, and whether its result agrees with the machine. The test is
 * linked statically, so that it can call the parser.
 */
#include "test.h"
#include <sys/auxv.h>
#include <sys/mman.h>
#include "os/cpus.h"

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
	assert_int_equal(rk_cpus_next(INT32_MAX), -1);
	assert_int_equal(rk_cpus_next(INT32_MIN), rk_cpus_next(-1));
	assert_int_equal(rk_cpus_next(-100), rk_cpus_next(-1));
}

static void count_in_handler(int signo)
{
	(void)signo;
	(void)rk_cpus_count();
}

/* A handler makes the library read the list for the first time, on an alternate stack that is hardly large enough. */
static int first_look_on_a_small_stack(void)
{
	size_t announced = getauxval(AT_MINSIGSTKSZ), least = announced > 2048 ? announced : 2048;
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (least + 4096 + page - 1) / page * page;
	char *memory = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sigaction action = {.sa_handler = count_in_handler, .sa_flags = SA_ONSTACK};
	stack_t stack = {.ss_sp = memory + page, .ss_size = size};

	if (memory == MAP_FAILED || mprotect(memory + page, size, PROT_READ | PROT_WRITE) != 0 ||
	    sigaltstack(&stack, NULL) != 0 || sigaction(SIGUSR1, &action, NULL) != 0)
		return 1;
	raise(SIGUSR1);
	return rk_cpus_count() > 0 ? 0 : 2;
}

static void small_stack(void **state)
{
	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's stack frames are larger");
	assert_int_equal(in_child(first_look_on_a_small_stack), 0);
}

/* Parsing a file gives the same result as parsing its text, whatever the number of read() calls that the file takes. */
static void files(void **state)
{
	char text[300] = "", path[40];
	struct rk_cpus parsed, read;

	(void)state;
	for (size_t length = 1; length < sizeof(text) - 1; length++) {
		int file = memfd_create("list", MFD_CLOEXEC), result;

		text[length - 1] = (char)(length % 2 != 0 ? '0' + length % 10 : ',');
		for (int ends = 0; ends < 2; ends++) {
			text[length] = ends ? '\n' : '\0';
			snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
			assert_int_equal(pwrite(file, text, strlen(text), 0), strlen(text));
			result = rk_cpus_parse(text, &parsed);
			assert_int_equal(rk_cpus_read(path, &read), result);
			assert_true(result < 0 || memcmp(&parsed, &read, sizeof(read)) == 0);
		}
		close(file);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(small_stack), /* must run first, before the library has read the list */
	cmocka_unit_test(parses),
	cmocka_unit_test(agrees_with_the_machine),
	cmocka_unit_test(files),
};

RUN(tests)
