/* SPDX-License-Identifier: MIT */
/*
 * Tests the ends of threads: first use of the library in destructors of pthread_key_create(), in any round of these
 * destructors; signals while threads end; and thousands of detached threads. glibc keeps a thread's memory until the kernel has
 * ended the thread, so with glibc, everything works in destructors as it does before them. With musl, this library's first
 * destructor undoes the registration, and later calls use the fallback.
 */
#include "test.h"
#include "alarms.h"
#include <limits.h>
#include <sched.h>

/*
 * In the last round of destructors, ThreadSanitizer frees its own data of the thread. After that, instrumented code
 * can't run in the thread.
 */
#define LAST_ROUND (PTHREAD_DESTRUCTOR_ITERATIONS - THREAD_SANITIZED)

static struct rk_counter *counter;
static pthread_key_t key;
static int64_t alive, failures, handled;

static void expect(bool condition)
{
	if (!condition)
		__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
}

/*
 * Uses the library. Whether or not the thread is registered, the library and the kernel must agree about it, and adds
 * must be exact.
 */
static void use_it(void)
{
	int r = rk_thread_prepare();

	for (int i = 0; i < 10; i++)
		rk_counter_add(counter, 1);
#ifdef __GLIBC__
	expect(world_has_rseq() ? r == 0 : r < 0);
#else
	expect(world_has_rseq() ? r == 0 || r == -ESHUTDOWN : r < 0);
#endif
	expect((rk_thread_area() != NULL) == (r == 0));
	expect(r != 0 || kernel_says_registered(rk_thread_area(), process_info().length));
	expect(r == 0 || world_owner() == RK_OWNER_FOREIGN || !kernel_says_any());
}

/* The rounds of destructors in which a thread uses the library. */
struct plan {
	int round, first, last;
};

static void in_destructor(void *arg)
{
	struct plan *plan = arg;

	plan->round++;
	if (plan->round >= plan->first && plan->round <= plan->last)
		use_it();
	if (plan->round < LAST_ROUND) {
		expect(pthread_setspecific(key, plan) == 0);
		return;
	}
	free(plan);
	__atomic_fetch_sub(&alive, 1, __ATOMIC_RELEASE);
}

static void *live(void *plan)
{
	expect(pthread_setspecific(key, plan) == 0);
	return NULL;
}

static void *use_and_live(void *plan)
{
	use_it();
	return live(plan);
}

static void wait_for(int64_t most)
{
	while (__atomic_load_n(&alive, __ATOMIC_ACQUIRE) > most)
		sched_yield();
}

/*
 * Starts `count` detached threads, at most 16 at a time. Their destructors use the library in the rounds from `first`
 * to `last`.
 */
static void many_ends(int64_t count, void *(*run)(void *), int first, int last)
{
	pthread_attr_t detached;

	assert_int_equal(pthread_attr_init(&detached), 0);
	assert_int_equal(pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED), 0);
	for (int64_t i = 0; i < count; i++) {
		struct plan *plan = malloc(sizeof(*plan));
		pthread_t thread;

		assert_non_null(plan);
		*plan = (struct plan){0, first, last};
		wait_for(15);
		__atomic_fetch_add(&alive, 1, __ATOMIC_RELAXED);
		while (pthread_create(&thread, &detached, run, plan) == EAGAIN)
			sched_yield();
	}
	wait_for(0);
	pthread_attr_destroy(&detached);
}

static void begin(void)
{
	failures = 0;
	handled = 0;
	assert_int_equal(rk_counter_create(&counter), 0);
	assert_int_equal(pthread_key_create(&key, in_destructor), 0);
}

static void end(int64_t sum)
{
	assert_int_equal(failures, 0);
	assert_int_equal(rk_counter_sum(counter), sum);
	assert_int_equal(pthread_key_delete(key), 0);
	usleep(10000); /* enough time for threads that are no longer counted in `alive` to end */
	assert_int_equal(rk_counter_destroy(counter), 0);
}

static void first_use_in_any_round(void **state)
{
	const int64_t threads = ROUNDS(2500);

	(void)state;
	begin();
	for (int round = 1; round <= LAST_ROUND; round++)
		many_ends(threads, live, round, round);
	end(LAST_ROUND * threads * 10);
}

static void use_in_life_and_in_every_round(void **state)
{
	const int64_t threads = ROUNDS(10000);

	(void)state;
	begin();
	many_ends(threads, use_and_live, 1, LAST_ROUND);
	end((LAST_ROUND + 1) * threads * 10);
}

static void handler(int signo)
{
	int saved = errno;

	(void)signo;
	alarms_go_on();
	rk_counter_add(counter, 1);
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
	errno = saved;
}

/*
 * More than a hundred signals reach threads in their first instructions, in their destructors, and after their
 * destructors.
 */
static void signals_while_threads_end(void **state)
{
	const int64_t threads = ROUNDS(10000);
	int64_t ended = 0;
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	sigset_t set, alarm_only;

	(void)state;
	begin();
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	/* This thread blocks the signal while it starts the timer. After that, any thread can get the signal. */
	pthread_sigmask(SIG_BLOCK, &alarm_only, &set);
	alarms_begin(30);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	do {
		many_ends(threads, use_and_live, LAST_ROUND, LAST_ROUND);
		ended += threads;
	} while (__atomic_load_n(&handled, __ATOMIC_RELAXED) <= 100);
	alarms_end();
	signal(SIGALRM, SIG_IGN);
	/* A thread that is no longer counted in `alive` can still be in the handler. */
	for (int i = 0; i < 10000 && rk_counter_sum(counter) != 2 * ended * 10 + __atomic_load_n(&handled, __ATOMIC_RELAXED); i++)
		usleep(1000);
	end(2 * ended * 10 + handled);
	alarm(TEST_SECONDS);
}

/* Calls rk_thread_register(), and ends without rk_thread_unregister(). After that, the counter must still be exact. */
static void *keep_a_user(void *arg)
{
	int r = rk_thread_register();

	(void)arg;
	expect(world_has_rseq() ? r == 0 : r < 0);
	rk_counter_add(counter, 1);
	return live(arg);
}

static void users_left_at_the_end(void **state)
{
	const int64_t threads = ROUNDS(2000);

	(void)state;
	begin();
	many_ends(threads, keep_a_user, 0, 0);
	end(threads);
}

/* Waits for other_ways_to_end() to cancel this thread. */
static void *be_cancelled(void *arg)
{
	use_it();
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static void *exit_at_once(void *arg)
{
	use_it();
	pthread_exit(arg);
}

static void other_ways_to_end(void **state)
{
	const int64_t rounds = ROUNDS(1000);

	(void)state;
	begin();
	for (int64_t i = 0; i < rounds; i++) {
		pthread_t cancelled, exiting;
		void *result;

		assert_int_equal(pthread_create(&cancelled, NULL, be_cancelled, NULL), 0);
		assert_int_equal(pthread_create(&exiting, NULL, exit_at_once, &result), 0);
		assert_int_equal(pthread_join(exiting, &result), 0);
		assert_ptr_equal(result, &result);
		assert_int_equal(pthread_cancel(cancelled), 0);
		assert_int_equal(pthread_join(cancelled, &result), 0);
		assert_ptr_equal(result, PTHREAD_CANCELED);
	}
	/*
	 * A thread that was cancelled before its first instruction has added nothing, so only a lower bound is known.
	 */
	assert_true(rk_counter_sum(counter) >= rounds * 10);
	assert_int_equal(rk_counter_sum(counter) % 10, 0);
	end(rk_counter_sum(counter));
}

#ifdef __GLIBC__
/* The destructors of C++'s thread_local objects run before all other destructors. */
extern int __cxa_thread_atexit_impl(void (*run)(void *), void *object, void *module);

static void in_tls_destructor(void *arg)
{
	(void)arg;
	use_it();
}

static void *arm_tls_destructor(void *arg)
{
	static char here;

	expect(__cxa_thread_atexit_impl(in_tls_destructor, NULL, &here) == 0);
	return arg;
}

static void first_use_in_a_tls_destructor(void **state)
{
	const int64_t threads = ROUNDS(2000);

	(void)state;
	begin();
	for (int64_t i = 0; i < threads; i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, arm_tls_destructor, NULL), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	end(threads * 10);
}
#endif

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(first_use_in_any_round),
	cmocka_unit_test(use_in_life_and_in_every_round),
	cmocka_unit_test(signals_while_threads_end),
	cmocka_unit_test(users_left_at_the_end),
	cmocka_unit_test(other_ways_to_end),
#ifdef __GLIBC__
	cmocka_unit_test(first_use_in_a_tls_destructor),
#endif
};

RUN(tests)
