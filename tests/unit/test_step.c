/* SPDX-License-Identifier: MIT */
/*
 * Tests threads that are single-stepped. A debugger that single-steps a thread aborts each attempt of each section. Structures
 * must still work: after RK_ABORTS_MAX attempts, an operation uses the overflow slot, which is the memory for threads without
 * rseq.
 */
#include "test.h"
#include "urgent.h"
#include <sys/ptrace.h>

static int64_t adds; /* number of adds; each is single-stepped through RK_ABORTS_MAX attempts */

static struct rk_counter *counter;

/*
 * Runs in the child. The child adds to a counter while its parent steps it. Its exit status is the count in the
 * overflow slot, 98 if the sum is wrong, or 99 if ptrace(2) fails.
 */
static int count_while_stepped(void)
{
	int64_t overflow;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		return 99;
	raise(SIGSTOP);
	for (int64_t i = 0; i < adds; i++)
		rk_counter_add(counter, 1);
	overflow = *(int64_t *)rk_percpu_slot(counter, RK_INDEX_OVERFLOW);
	return rk_counter_sum(counter) != adds ? 98 : (int)overflow;
}

/* Steps the child until it exits. Returns its exit status, or -1 after too many steps. */
static int step_to_the_end(pid_t pid, long *steps)
{
	int status;

	for (*steps = 0; *steps < 2000000; ++*steps) {
		if (waitpid(pid, &status, 0) != pid)
			return -1;
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
		if (WIFSIGNALED(status))
			return 128 + WTERMSIG(status);
		ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

static void ends_under_single_steps(void **state)
{
	long steps;
	pid_t pid;

	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime takes too many steps");
	adds = ROUNDS(20) > 0 ? ROUNDS(20) : 1;
	assert_int_equal(rk_counter_create(&counter), 0);
	pid = fork();
	if (pid == 0)
		_exit(count_while_stepped());
	assert_true(pid > 0);
	begin_steps(pid);
	/* Every step into a section aborts the section, so every add ends in the overflow slot. */
	assert_int_equal(step_to_the_end(pid, &steps), adds);
	end_steps(0);
	assert_true(steps > 100);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(ends_under_single_steps),
};

RUN(tests)
