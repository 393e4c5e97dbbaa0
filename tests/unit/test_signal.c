/* SPDX-License-Identifier: MIT */
/*
 * Tests signals that interrupt registration itself. A timer sends many signals during thousands of thread starts. Its
 * handlers register, operate and unregister in the thread that they interrupted, at any instruction.
 */
#include "test.h"
#include "alarms.h"

static struct rk_counter *counter;
static int64_t handled; /* adds that handlers made */
static int failures;    /* failed expectations in handlers and threads, which can't use assertions */

static void expect(bool condition)
{
	if (!condition)
		__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
}

/*
 * With musl, only the fallback works before and after a thread's start routine. With glibc before 2.32, a signal can
 * come before the thread has its robust list. By the robust list, the library distinguishes a thread from a vfork
 * child.
 */
#ifndef __GLIBC__
#define ENDS_EARLY true
#define BEGINS_EARLY false
#elif __GLIBC_PREREQ(2, 32)
#define ENDS_EARLY false
#define BEGINS_EARLY false
#else
#define ENDS_EARLY false
#define BEGINS_EARLY true
#endif

static void handler(int signo)
{
	uint32_t users = rk_thread_users();
	int r = rk_thread_register();

	(void)signo;
	expect(world_has_rseq() ? r == 0 || (ENDS_EARLY && (r == -ESHUTDOWN || r == -ENOTSUP)) ||
				     (BEGINS_EARLY && r == -EAGAIN) :
			     r < 0);
	rk_counter_add(counter, 1);
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
	if (r == 0)
		expect(rk_thread_unregister() == 0);
	expect(rk_thread_users() == users);
	alarms_go_on();
}

static void *live_shortly(void *arg)
{
	(void)arg;
	for (int i = 0; i < 20; i++) {
		int r = rk_thread_register();

		expect(world_has_rseq() ? r == 0 : r < 0);
		rk_counter_add(counter, 1);
		if (r == 0)
			expect(rk_thread_unregister() == 0);
	}
	expect(rk_thread_users() == 0);
	if (world_has_rseq())
		expect(kernel_says_registered(rk_thread_area(), process_info().length));
	return NULL;
}

/* Threads start while the timer sends signals. Often a handler registers the new thread. */
static void storm_over_thread_starts(void **state)
{
	const int least = (int)ROUNDS(6000);
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	sigset_t alarm_only;
	int threads;

	(void)state;
	failures = 0;
	assert_int_equal(rk_counter_create(&counter), 0);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	alarms_begin(50);
	for (threads = 0; threads < least || handled <= 100; threads += 4) {
		pthread_t batch[4];

		for (int k = 0; k < 4; k++)
			assert_int_equal(pthread_create(&batch[k], NULL, live_shortly, NULL), 0);
		for (int k = 0; k < 4; k++)
			assert_int_equal(pthread_join(batch[k], NULL), 0);
	}
	alarms_end();
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm_only, NULL);
	assert_int_equal(failures, 0);
	assert_int_equal(rk_counter_sum(counter), 20 * (int64_t)threads + handled);
	assert_int_equal(rk_thread_users(), 0);
	pthread_sigmask(SIG_UNBLOCK, &alarm_only, NULL);
	signal(SIGALRM, SIG_DFL);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

/* One thread is interrupted thousands of times a second, often in the middle of an add. */
static void storm_over_one_thread(void **state)
{
	const int64_t least = ROUNDS(WITH_RSEQ() ? 100000000 : 20000000);
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	int64_t adds;

	(void)state;
	failures = 0;
	handled = 0;
	assert_int_equal(rk_counter_create(&counter), 0);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	alarms_begin(20);
	for (adds = 0; adds < least || handled <= 10; adds++)
		rk_counter_add(counter, 1);
	alarms_end();
	assert_int_equal(failures, 0);
	assert_int_equal(rk_counter_sum(counter), adds + handled);
	signal(SIGALRM, SIG_DFL);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

/*
 * A handler is the first code that runs in a thread. The thread is created with the signal blocked and pending. The
 * signal is delivered before any operation.
 */
static void *first_is_a_handler(void *arg)
{
	sigset_t usr1;

	(void)arg;
	pthread_kill(pthread_self(), SIGUSR1);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	expect(rk_thread_owner() == world_owner());
	return NULL;
}

static void handler_comes_first(void **state)
{
	struct sigaction action = {.sa_handler = handler};
	sigset_t usr1;

	(void)state;
	failures = 0;
	handled = 0;
	assert_int_equal(rk_counter_create(&counter), 0);
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	for (int i = 0; i < 500; i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, first_is_a_handler, NULL), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	assert_int_equal(handled, 500);
	assert_int_equal(failures, 0);
	assert_int_equal(rk_counter_sum(counter), 500);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

static volatile sig_atomic_t delivered;

static void count_delivery(int signo)
{
	(void)signo;
	delivered = 1;
}

static int child_of_vfork(void *arg, const void *signals)
{
	(void)arg;
	(void)signals;
	return 0;
}

/* When the library blocks signals for a while, the signals that the caller blocks stay blocked, whichever they are. */
static int block_bus_errors(void)
{
	struct sigaction action = {.sa_handler = count_delivery};
	sigset_t bus;
	int pid;

	sigemptyset(&bus);
	sigaddset(&bus, SIGBUS);
	CHECK(sigaction(SIGBUS, &action, NULL) == 0 && pthread_sigmask(SIG_BLOCK, &bus, NULL) == 0);
	raise(SIGBUS);
	(void)rk_vfork_run(child_of_vfork, NULL, &pid);
	CHECK(pid <= 0 || exit_status_of(pid) == 0);
	CHECK(!delivered && sigpending(&bus) == 0 && sigismember(&bus, SIGBUS));
	return 0;
}

static void blocked_signals_stay_blocked(void **state)
{
	(void)state;
	NEEDS_VFORK();
	assert_int_equal(in_child(block_bus_errors), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(blocked_signals_stay_blocked),
	cmocka_unit_test(storm_over_thread_starts),
	cmocka_unit_test(storm_over_one_thread),
	cmocka_unit_test(handler_comes_first),
};

RUN(tests)
