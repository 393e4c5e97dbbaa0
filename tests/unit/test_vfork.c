/* SPDX-License-Identifier: MIT */
/*
 * Tests RK_VFORK: the arguments and results of the two functions that it calls, and children that count and overwrite
 * the stack. Also tests signals, further forks and unwinding at each instruction of RK_VFORK.
 */
#define INSTRUCTIONS_MAX 2000 /* the default of interrupt.h isn't enough for musl, where looking up a thread takes long */
#include "interrupt.h"
#include <rseqkit/vfork.h>
#include <sys/resource.h>
/* musl-gcc has no unwinder, and 32-bit Arm another one. */
#if defined(__GLIBC__) && !defined(__arm__)
#define UNWINDS 1
#include <unwind.h>
#endif

#ifdef RKI_VFORK_BY_FORK
enum { SHARED = 0 }; /* a child has memory of its own */
#else
enum { SHARED = 1 }; /* what a child counts, its parent sees */
#endif

static struct rk_counter *counter;
static int befores, afters, begun_last;
static bool as_fork;
static long made_last;

int before_any(void) __attribute__((__used__));
pid_t after_any(long made, int begun) __attribute__((__used__));
pid_t vfork_any(void) __attribute__((__returns_twice__));

int before_any(void)
{
	befores++;
	if (as_fork)
		return RK_VFORK_AS_FORK;
	begun_last = rk_vfork_begin();
	return begun_last == 0 ? 7 : -7;
}

pid_t after_any(long made, int begun)
{
	afters++;
	made_last = made;
	CHECK(begun == (begun_last == 0 ? 7 : -7));
	if (begun == 7)
		CHECK(rk_vfork_end() == 0);
	if (made >= 0)
		return (pid_t)made;
	errno = (int)-made;
	return -1;
}

RK_VFORK(vfork_any, before_any, after_any);

static int create_counter(void **state)
{
	(void)state;
	return rk_counter_create(&counter);
}

static int destroy_counter(void **state)
{
	(void)state;
	return rk_counter_destroy(counter);
}

/* If the function that runs before the vfork returns RK_VFORK_AS_FORK, RK_VFORK forks, so the child gets memory of its own. */
static void by_fork(void **state)
{
	volatile int seen = 0;
	int before = afters, status;
	pid_t pid;

	(void)state;
	as_fork = true;
	pid = vfork_any();
	if (pid == 0) {
		seen = 1;
		_exit(seen + 3);
	}
	as_fork = false;
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 4 << 8);
	assert_int_equal(seen, 0);
	assert_int_equal(afters, before);
}

static __attribute__((__noinline__)) int spoil(int depth)
{
	volatile char frame[200];

	memset((char *)(uintptr_t)frame, 0x5a, sizeof(frame));
	return (frame[3] + (depth == 0 ? 0 : spoil(depth - 1))) % 256;
}

/* The child's frames are below this function's frame, so they overwrite what vfork_any() had on the stack. */
static __attribute__((__noinline__)) pid_t child_that_spoils(void)
{
	pid_t pid = vfork_any();

	if (pid == 0) {
		for (int i = 0; i < 20; i++)
			rk_counter_add(counter, 1);
		_exit(spoil(20) == 21 * 0x5a % 256 ? 5 : 6);
	}
	return pid;
}

static void spoiled_by_children(void **state)
{
	int64_t rounds = ROUNDS(300) > 0 ? ROUNDS(300) : 1;

	(void)state;
	befores = afters = 0;
	for (int64_t i = 0; i < rounds; i++) {
		pid_t pid = child_that_spoils();

		assert_true(pid > 0);
		assert_int_equal(made_last, pid);
		assert_int_equal(exit_status_of(pid), 5);
		rk_counter_add(counter, 1);
	}
	assert_int_equal(befores, rounds);
	assert_int_equal(afters, rounds);
	assert_int_equal(rk_counter_sum(counter), rounds * (SHARED ? 21 : 1));
	assert_int_equal(rk_thread_owner(), world_owner());
	if (world_has_rseq())
		assert_true(kernel_says_registered(rk_thread_area(), process_info().length));
}

static void exec_in_child(void **state)
{
	pid_t pid;

	(void)state;
	pid = vfork_any();
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 9", (char *)NULL);
		_exit(127);
	}
	assert_int_equal(exit_status_of(pid), 9);
}

/* Runs as a user that is not allowed a further process. */
static int vfork_refused(void)
{
	struct rlimit none = {0, 0};
	pid_t pid;

	CHECK(setrlimit(RLIMIT_NPROC, &none) == 0 && (getuid() != 0 || setuid(65534) == 0));
	befores = afters = 0;
	errno = 0;
	pid = vfork_any();
	if (pid == 0)
		_exit(0);
	if (pid > 0)
		return 1;
	return errno == EAGAIN && made_last == -EAGAIN && befores == 1 && afters == 1 ? 0 : 2;
}

static void error_is_told(void **state)
{
	(void)state;
	assert_int_equal(in_child(vfork_refused), 0);
	assert_int_equal(rk_thread_owner(), world_owner());
}

/*
 * The following functions interrupt RK_VFORK at each instruction, by a handler that counts, makes a child, or unwinds the
 * stack.
 */

static volatile int handlers_counts;

static void vfork_counting(void)
{
	pid_t pid = vfork_any();

	if (pid == 0) {
		rk_counter_add(counter, 1);
		_exit(0);
	}
	CHECK(pid > 0);
}

static void count(void)
{
	rk_counter_add(counter, 1);
	handlers_counts++;
}

static void vfork_nested(void)
{
	vfork_counting();
	handlers_counts += SHARED;
}

static int counted_all(void)
{
	int status;

	while (wait(&status) > 0)
		if (status != 0)
			return 1;
	(void)rk_thread_prepare();
	if (rk_thread_owner() != world_owner())
		return 2;
	return rk_counter_sum(counter) == SHARED + handlers_counts ? 0 : 3;
}

#ifdef UNWINDS
static bool is_passed, is_found;

static _Unwind_Reason_Code look(struct _Unwind_Context *context, void *arg)
{
	int before_instruction;
	uintptr_t at = _Unwind_GetIPInfo(context, &before_instruction) - (before_instruction == 0);
	uintptr_t function = (uintptr_t)_Unwind_FindEnclosingFunction((void *)at);

	(void)arg;
	is_passed = is_passed || function == (uintptr_t)vfork_any;
	is_found = is_found || function == (uintptr_t)vfork_counting;
	return _URC_NO_REASON;
}

static bool are_all_found = true;

/*
 * If an unwinder finds vfork_any(), it must also find the caller of vfork_any(). On arm64, an unwinder can't unwind from
 * the entries of a module's PLT.
 */
static void unwind(void)
{
	is_passed = is_found = false;
	(void)_Unwind_Backtrace(look, NULL);
	are_all_found = are_all_found && (!is_passed || is_found);
}

static int found_all(void)
{
	return are_all_found ? 0 : 4;
}
#endif

/* Blocks SIGCHLD. Otherwise the delivery of a SIGCHLD would end a step. */
static void block_ends_of_children(void)
{
	sigset_t children;

	CHECK(sigemptyset(&children) == 0 && sigaddset(&children, SIGCHLD) == 0);
	CHECK(sigprocmask(SIG_BLOCK, &children, NULL) == 0);
}

static void at_each_instruction(void **state)
{
	static const struct interrupted ways[] = {
		{block_ends_of_children, vfork_counting, count, counted_all, false},
		{block_ends_of_children, vfork_counting, vfork_nested, counted_all, false},
		{block_ends_of_children, vfork_counting, fork_this_thread, counted_all, false},
#ifdef UNWINDS
		{block_ends_of_children, vfork_counting, unwind, found_all, false},
#endif
	};

	(void)state;
	interrupt_each(ways, sizeof(ways) / sizeof(ways[0]));
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(by_fork),
	cmocka_unit_test_setup_teardown(spoiled_by_children, create_counter, destroy_counter),
	cmocka_unit_test(exec_in_child),
	cmocka_unit_test(error_is_told),
	cmocka_unit_test_setup_teardown(at_each_instruction, create_counter, destroy_counter),
};

RUN(tests)
