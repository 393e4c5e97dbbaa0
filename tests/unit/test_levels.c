/* SPDX-License-Identifier: MIT */
/*
 * Tests brackets (from rk_vfork_begin() to rk_vfork_end()) of a thread and of its vfork children. Brackets nest, and
 * each open bracket is called a level. The library has a table of levels with ROWS rows. If more levels are open, it
 * can't distinguish all of them. Also tests a filter that keeps a process from learning that it is a vfork child.
 */
#include "test.h"
#include "refuse.h"
#include <semaphore.h>

#define ROWS 32 /* the number of rows in src/thread/bracket.c */

static sem_t begun, over;

static void *hold_row(void *arg)
{
	CHECK(rk_vfork_begin() == 0);
	sem_post(&begun);
	while (sem_wait(&over) != 0)
		;
	CHECK(rk_vfork_end() == 0);
	return arg;
}

static int nest_and_end(void)
{
	CHECK(rk_vfork_begin() == 0 && rk_vfork_begin() == 0);
	CHECK(rk_vfork_end() == 0 && rk_vfork_end() == 0);
	return 0;
}

static int nest_and_die(void)
{
	CHECK(rk_vfork_begin() == 0 && rk_vfork_begin() == 0);
	return kill(getpid(), SIGKILL);
}

/* Runs `run` in a vfork child. Returns the child's exit status, or 128 + the signal that ended the child. */
static int in_vfork_child(int (*run)(void))
{
	pid_t pid = vfork();
	int status;

	if (pid == 0)
		_exit(run());
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void check_outside(void)
{
	CHECK(rk_vfork_end() == -EINVAL);
	CHECK(!world_has_rseq() || (rk_thread_prepare() == 0 && kernel_says_any()));
}

static pthread_t holders[ROWS];

static void hold_rows(int n)
{
	CHECK(sem_init(&begun, 0, 0) == 0 && sem_init(&over, 0, 0) == 0);
	for (int i = 0; i < n; i++)
		CHECK(pthread_create(&holders[i], NULL, hold_row, NULL) == 0 && sem_wait(&begun) == 0);
}

static void give_rows_back(int n)
{
	for (int i = 0; i < n; i++)
		CHECK(sem_post(&over) == 0);
	for (int i = 0; i < n; i++)
		CHECK(pthread_join(holders[i], NULL) == 0);
}

/*
 * The parent's level gets the last row. The levels of the killed child have no rows, but the library distinguishes them
 * from the parent's level.
 */
static int no_further_row(void)
{
	int (*const children[])(void) = {nest_and_end, nest_and_die, nest_and_end};
	const int ends[] = {0, 128 + SIGKILL, 0};

	hold_rows(ROWS - 1);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		CHECK(rk_vfork_begin() == 0 && in_vfork_child(children[i]) == ends[i]);
		CHECK(rk_vfork_end() == 0);
		check_outside();
	}
	give_rows_back(ROWS - 1);
	return 0;
}

static int no_row_at_all(void)
{
	hold_rows(ROWS);
	CHECK(rk_vfork_begin() == 0 && in_vfork_child(nest_and_end) == 0);
	CHECK(nest_and_end() == 0 && rk_vfork_end() == 0);
	check_outside();
	give_rows_back(ROWS);
	return 0;
}

static int more_than_rows(void)
{
	for (int i = 0; i < ROWS + 9; i++)
		CHECK(rk_vfork_begin() == 0);
	CHECK(in_vfork_child(nest_and_end) == 0);
	for (int i = 0; i < ROWS + 9; i++)
		CHECK(rk_vfork_end() == 0);
	check_outside();
	return 0;
}

static int nothing(void)
{
	return 0;
}

static int fork_unable_to_tell(void)
{
	refuse(SYS_get_robust_list, SYS_get_robust_list, EPERM);
	return in_child(nothing);
}

/*
 * The vfork child opens no bracket before it forks, so both open levels are the parent's. The fork must not end these levels,
 * although the child can't learn that it is a vfork child.
 */
static int filter_refuses_to_tell(void)
{
	CHECK(rk_vfork_begin() == 0 && rk_vfork_begin() == 0);
	CHECK(in_vfork_child(fork_unable_to_tell) == 0);
	CHECK(rk_vfork_end() == 0);
	CHECK(!world_has_rseq() || !kernel_says_any());
	CHECK(rk_vfork_end() == 0);
	check_outside();
	return 0;
}

static void run_one(void **state)
{
	int (*body)(void);

	NEEDS_VFORK();
	*(void **)&body = *state;
	assert_int_equal(in_child(body), 0);
}

#define TEST(body) {#body, run_one, NULL, NULL, (void *)(uintptr_t)(body)}

static const struct CMUnitTest tests[] = {
	TEST(no_further_row),
	TEST(no_row_at_all),
	TEST(more_than_rows),
	TEST(filter_refuses_to_tell),
};

RUN(tests)
