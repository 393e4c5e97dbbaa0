/* SPDX-License-Identifier: MIT */
/*
 * test_filter.c - tests that the following make only the system calls that thread.h documents: the library's decision which area
 * it uses, new threads, operations, rk_vfork_begin() and rk_vfork_end().
 *
 * The library decides before main(), in its constructor, so this program executes itself, and a function that runs before all
 * constructors installs the filter. SITUATION says which areas are used: libc (the libc's areas, which the libc registers),
 * spare (the libc's areas, which the libc doesn't register), own (areas of ours).
 */
#include "filtered.h"
#include <rseqkit/ops.h>

static const int deciding[] = {SYS_rseq, SYS_openat, SYS_pread64, SYS_close, SYS_sched_getaffinity, SYS_mmap,
			       SYS_mprotect, -1};
static const int deciding_not_libc[] = {SYS_get_robust_list, SYS_rt_sigprocmask, SYS_madvise, -1};
static const int deciding_spare[] = {SYS_openat, SYS_pread64, SYS_close, -1};
static const int deciding_own[] = {SYS_prlimit64, SYS_memfd_create, SYS_write, SYS_mmap, SYS_close, -1};
static const int preparing[] = {SYS_get_robust_list, SYS_rseq, -1};
static const int bracketing[] = {SYS_rseq, -1};
static const int bracketing_again[] = {SYS_getpid, -1}; /* for a bracket in a bracket, and if there is no registration to undo */

static const char *setting(char **environment, const char *name)
{
	size_t length = strlen(name);

	for (; *environment != NULL; environment++)
		if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
			return *environment + length + 1;
	return "";
}

/* Makes the library decide. The result is the exit status, because the filter allows no output. */
static void before_constructors(int argc, char **argv, char **environment)
{
	const char *situation;

	if (argc != 2 || strcmp(argv[1], "deciding") != 0)
		return;
	situation = setting(environment, "SITUATION");
	if (strcmp(situation, "libc") == 0)
		allow_only(deciding, NULL, NULL, 0);
	else
		allow_only(deciding, deciding_not_libc, strcmp(situation, "own") == 0 ? deciding_own : deciding_spare, 0);
	if (rk_process_init() != 0 && strcmp(setting(environment, "WORLD"), "foreign") != 0)
		_exit(1);
	_exit(rk_cpus_count() > 0 ? 0 : 2);
}

__attribute__((__section__(".preinit_array"), __used__)) static void (*const first)(int, char **,
										     char **) = before_constructors;

static int decide(void)
{
	(void)execl("/proc/self/exe", "test_filter", "deciding", (char *)NULL);
	return 98;
}

static struct rk_counter *counter;

static void *prepare_filtered(void *arg)
{
	allow_only(preparing, NULL, NULL, 0);
	(void)rk_thread_prepare();
	_exit(rk_thread_register() == rk_thread_prepare() ? 0 : 1);
	return arg;
}

static int prepare(void)
{
	pthread_t thread;

	CHECK(create_unregistered(&thread, prepare_filtered, NULL) == 0);
	(void)pthread_join(thread, NULL);
	return 97;
}

static int operate(void)
{
	intptr_t value;

	(void)rk_process_init();
	CHECK(rk_counter_create(&counter) == 0);
	allow_only(operating, NULL, NULL, 0);
	rk_counter_add(counter, 5);
	(void)rk_cpu_load(counter, &value);
	(void)rk_cid_add(counter, 0);
	(void)rk_at_add(counter, 0, 0);
	(void)rk_cpu();
	(void)rk_cid();
	(void)rk_thread_register();
	(void)rk_thread_unregister();
	(void)rk_thread_reason();
	if (rk_counter_sum(counter) != 5 || rk_counter_reset(counter) != 5)
		return 1;
	return 0;
}

static int bracket_once(void)
{
	if (rk_vfork_begin() == 0)
		return rk_vfork_end() == 0 ? 0 : 1;
	return 2;
}

static int bracket_first(void)
{
	(void)rk_process_init();
	allow_only(bracketing, claiming, NULL, 0);
	return bracket_once();
}

static int bracket(void)
{
	bool registered = rk_thread_prepare() == 0;

	CHECK(bracket_once() == 0);
	allow_only(bracketing, registered ? NULL : bracketing_again, NULL, 0);
	return bracket_once();
}

static int bracket_in_bracket(void)
{
	CHECK(rk_vfork_begin() == 0 && bracket_once() == 0);
	allow_only(bracketing_again, NULL, NULL, 0);
	return bracket_once();
}

static void system_calls_are_those_documented(void **state)
{
	static const struct situation situations[] = {
		ANOTHER_CALL,
		{"deciding", decide, 0},
		{"preparing a thread", prepare, 0},
		{"operations", operate, 0},
		{"a first bracket", bracket_first, 0},
		{"the bracket", bracket, 0},
		{"a bracket in another", bracket_in_bracket, 0},
	};

	(void)state;
	judge(situations, sizeof(situations) / sizeof(situations[0]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(system_calls_are_those_documented),
};

RUN(tests)
