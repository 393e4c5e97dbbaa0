/* SPDX-License-Identifier: MIT */
/*
 * test_vfork_run.c - tests rk_vfork_run(), which makes a vfork child between rk_vfork_begin() and rk_vfork_end() (a bracket).
 * Signals must wait until the child unblocks them. A killed child must leave no open bracket. The caller must act on a
 * cancellation request, and the child must not.
 */
#include "bracket.h"
#include <sched.h>

static volatile int handled;

static void on_signal(int signo)
{
	(void)signo;
	handled++;
	other->add(counter, 1);
}

/*
 * The child can't register inside the bracket. The child receives no signal before it unblocks the signals that the caller
 * hadn't blocked. Then it receives these signals.
 */
static int child_of_run(void *arg, const void *signals)
{
	sigset_t mask;

	check_closed();
	CHECK(kill(getpid(), SIGUSR1) == 0 && kill(getpid(), SIGUSR2) == 0 && handled == 0);
	opener->vfork_unblock(signals);
	CHECK(handled == 1);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	CHECK(!sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGUSR2));
	return *(int *)arg;
}

static int exec_nothing(void *arg, const void *signals)
{
	opener->vfork_unblock(signals);
	execl("/nonexistent/program", "program", NULL);
	*(int *)arg = errno;
	return 127;
}

static int run_calls_in_a_child(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	sigset_t block, mask;
	int status = 42, error = 0;
	pid_t pid;

	load_shared_and_hidden();
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0 && sigaction(SIGUSR2, &action, NULL) == 0);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR2);
	sigprocmask(SIG_BLOCK, &block, NULL);
	errno = 7;
	CHECK(opener->vfork_run(child_of_run, &status, &pid) == 0 && errno == 7);
	CHECK(exit_status_of(pid) == 42);
	check_open();
	sigprocmask(SIG_SETMASK, NULL, &mask);
	CHECK(!sigismember(&mask, SIGUSR1) && sigismember(&mask, SIGUSR2) && handled == 1);
	CHECK(opener->vfork_run(exec_nothing, &error, &pid) == 0 && exit_status_of(pid) == 127 && error == ENOENT);
	CHECK(opener->vfork_run(NULL, NULL, &pid) == -EINVAL && pid == -1);
	CHECK(opener->vfork_run(exec_nothing, &error, NULL) == -EINVAL);
	return 0;
}

static int killed_in_its_own_bracket(void *arg, const void *signals)
{
	(void)arg;
	(void)signals;
	CHECK(opener->vfork_begin() == 0 && other->vfork_begin() == 0);
	raise(SIGKILL);
	return 0;
}

/* The child opens brackets in the caller's memory and is killed. After rk_vfork_run(), none of them must be open. */
static int run_survives_a_killed_child(void)
{
	int status;
	pid_t pid;

	load_shared_and_hidden();
	for (int i = 0; i < 3; i++) {
		CHECK(opener->vfork_run(killed_in_its_own_bracket, NULL, &pid) == 0);
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		CHECK(kernel_says_any() && opener->prepare() == 0 && opener->vfork_end() == -EINVAL);
	}
	return 0;
}

static volatile bool child_runs, is_cancelled;
static char child_runs_to_its_end; /* a thread's result */

/* Runs in the child. Calls cancellation points after the cancellation request was sent. */
static int sleep_in_child(void *arg, const void *signals)
{
	(void)arg;
	(void)signals;
	child_runs = true;
	while (!is_cancelled)
		usleep(1000);
	for (int i = 0; i < 5; i++)
		usleep(1000);
	return 5;
}

static void *run_sleeper(void *arg)
{
	pid_t pid;

	CHECK(opener->prepare() == 0);
	CHECK(opener->vfork_run(sleep_in_child, NULL, &pid) == 0);
	CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL) == 0);
	CHECK(exit_status_of(pid) == 5);
	check_open();
	return arg;
}

/* The caller acts on the cancellation request. If the child did, the child would unwind the caller's stack. */
static int run_is_cancelled_later(void)
{
	pthread_t thread;
	void *result;

	load_shared_and_hidden();
	CHECK(pthread_create(&thread, NULL, run_sleeper, &child_runs_to_its_end) == 0);
	while (!child_runs)
		sched_yield();
	CHECK(pthread_cancel(thread) == 0);
	is_cancelled = true;
	CHECK(pthread_join(thread, &result) == 0 && result == &child_runs_to_its_end);
	return 0;
}

static void run_one(void **state)
{
	int (*body)(void);

	NEEDS_VFORK();
	NEEDS_RSEQ();
	*(void **)&body = *state;
	assert_int_equal(in_child(body), 0);
}

#define TEST(body) {.name = #body, .test_func = run_one, .initial_state = (void *)(uintptr_t)(body)}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(run_calls_in_a_child), TEST(run_survives_a_killed_child), TEST(run_is_cancelled_later),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(TEST_SECONDS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
