/* SPDX-License-Identifier: MIT */
/*
 * Tests slice extensions: a thread requests a short delay of its preemption, and the kernel grants the request. The test stores
 * in the area what the kernel would store. It checks when the library makes and clears a request, which reason it reports if it
 * can't request, and system calls inside a region. A region is the code from rk_slice_begin() to rk_slice_end().
 */
#include "slices.h"

/* Returns the reason that the library must report. Without the extension, regions do nothing. */
static enum rk_slice_reason expected_reason(void)
{
	struct rk_process_info info = process_info();

	if (!world_has_rseq())
		return RK_SLICE_NO_RSEQ;
	if (info.feature_size <= 32)
		return RK_SLICE_NO_KERNEL;
	if (info.length <= 32)
		return RK_SLICE_SHORT_AREA;
	return kernel_offers() ? RK_SLICE_NONE : RK_SLICE_NOT_OFFERED;
}

static int enable_result_of(enum rk_slice_reason reason)
{
	return reason == RK_SLICE_NONE ? 0 : reason == RK_SLICE_NO_RSEQ ? rk_thread_prepare() : -ENOTSUP;
}

static void the_reason(void **state)
{
	enum rk_slice_reason expected = expected_reason();

	(void)state;
	printf("# %s\n", rk_slice_reason_text(expected));
	for (int i = 0; i < 3; i++) {
		int requested = rk_slice_begin();

		assert_int_equal(rk_slice_thread_reason(), expected);
		assert_int_equal(requested, expected == RK_SLICE_NONE && RK_HAVE_SECTIONS);
		rk_slice_end(requested);
		assert_int_equal(rk_slice_enable(), enable_result_of(expected));
	}
	assert_int_equal(rk_slice_thread_reason(), expected);
	assert_string_equal(rk_slice_reason_text((enum rk_slice_reason)99), "unknown");
	for (int i = 0; i <= RK_SLICE_VFORK; i++)
		assert_string_not_equal(rk_slice_reason_text((enum rk_slice_reason)i), "unknown");
}

/* Checks that the end of an inner region changes nothing. `control` is what the kernel stores in place of the request. */
static void end_around_another(uint32_t control)
{
	int outer, inner;

	begin_fake(ON);
	outer = rk_slice_begin();
	assert_int_equal(outer, 1);
	assert_int_equal(*fake.control, REQUESTED);
	*fake.control = control;
	inner = rk_slice_begin();
	assert_int_equal(inner, 0);
	rk_slice_end(inner);
	assert_int_equal(*fake.control, control);
	assert_int_equal(yields, 0);
	rk_slice_end(outer);
	assert_int_equal(*fake.control, 0);
	assert_int_equal(yields, control == GRANTED);
	end_fake();
}

static void nested_regions_end_once(void **state)
{
	(void)state;
	NEEDS_FAKE();
	end_around_another(REQUESTED);
}

static void granted_time_is_given_back(void **state)
{
	(void)state;
	NEEDS_FAKE();
	end_around_another(GRANTED);
}

/*
 * The kernel clears a thread's request when it preempts the thread. An inner region is allowed to make another request,
 * and then clears it.
 */
static void a_lost_request_is_made_again_inside(void **state)
{
	int outer, inner;

	(void)state;
	NEEDS_FAKE();
	begin_fake(ON);
	outer = rk_slice_begin();
	*fake.control = 0;
	inner = rk_slice_begin();
	assert_int_equal(inner, 1);
	assert_int_equal(*fake.control, REQUESTED);
	rk_slice_end(inner);
	assert_int_equal(*fake.control, 0);
	assert_int_equal(yields, 0);
	rk_slice_end(outer);
	assert_int_equal(yields, 1); /* this yield clears a state that a revoked grant leaves in the kernel */
	end_fake();
}

/*
 * The kernel clears a request, for example while the thread waits for another mutex. The library yields before it makes another
 * request. Otherwise the kernel can kill the thread.
 */
static void mutexes_request_again(void **state)
{
	struct rk_mutex mutexes[3] = {RK_MUTEX_INIT, RK_MUTEX_INIT, RK_MUTEX_INIT};

	(void)state;
	NEEDS_FAKE();
	begin_fake(ON);
	assert_int_equal(rk_mutex_lock(&mutexes[0]), 0);
	assert_int_equal(rk_mutex_lock(&mutexes[1]), 0);
	assert_int_equal(yields, 0);
	*fake.control = 0;
	assert_int_equal(rk_mutex_lock(&mutexes[2]), 0);
	assert_int_equal(*fake.control, REQUESTED);
	assert_int_equal(yields, 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(*fake.control, REQUESTED);
		assert_int_equal(rk_mutex_unlock(&mutexes[i]), 0);
	}
	assert_int_equal(*fake.control, 0);
	assert_int_equal(yields, 1);
	end_fake();
}

/*
 * The mutexes of a thread have one region, which ends with the last unlock. If another region surrounds this region,
 * only the end of the outer region ends the request.
 */
static void mutexes_go_in_any_order(void **state)
{
	static struct rk_mutex mutexes[40];
	const int count = (int)(sizeof(mutexes) / sizeof(mutexes[0]));
	int outer;

	(void)state;
	NEEDS_FAKE();
	begin_fake(ON);
	for (int last = 0; last < count; last += 3) {
		for (int i = 0; i < count; i++) {
			assert_int_equal(rk_mutex_lock(&mutexes[i]), 0);
			assert_int_equal(*fake.control, REQUESTED);
		}
		for (int i = 0; i < count; i++)
			if (i != last)
				assert_int_equal(rk_mutex_unlock(&mutexes[i]), 0);
		/* The library counts at most 31 mutexes. A 32nd mutex doesn't belong to the region. */
		assert_int_equal(*fake.control, last < 31 ? REQUESTED : 0);
		*fake.control = last < 31 ? GRANTED : 0;
		yields = 0;
		assert_int_equal(rk_mutex_unlock(&mutexes[last]), 0);
		assert_int_equal(*fake.control, 0);
		assert_int_equal(yields, last < 31);
	}
	outer = rk_slice_begin();
	assert_int_equal(rk_mutex_lock(&mutexes[0]), 0);
	assert_int_equal(rk_mutex_unlock(&mutexes[0]), 0);
	assert_int_equal(*fake.control, REQUESTED);
	rk_slice_end(outer);
	assert_int_equal(*fake.control, 0);
	end_fake();
}

static void nothing_is_stored_where_it_is_off(void **state)
{
	(void)state;
	NEEDS_FAKE();
	for (int i = 0; i < 2; i++) {
		begin_fake(i == 0 ? 0 : RK_AREA_SLICE_AVAILABLE);
		switched_on = 0;
		assert_int_equal(rk_slice_begin(), 0);
		assert_int_equal(*fake.control, 0);
		rk_slice_end(0);
		*fake.control = 0x5a00;
		rk_slice_end(0);
		assert_int_equal(*fake.control, 0x5a00);
		assert_int_equal(switched_on, 0);
		assert_int_equal(rk_slice_thread_reason(), RK_SLICE_VFORK);
		assert_int_equal(rk_slice_enable(), -EAGAIN);
		end_fake();
	}
}

/*
 * The outer rk_vfork_end() asks the kernel to enable the extension again. The test stores the flags, because this kernel
 * doesn't use them.
 */
static void a_bracket_switches_it_on_again(void **state)
{
	volatile uint32_t *flags = (volatile uint32_t *)(uintptr_t)&area_here()->flags;

	(void)state;
	NEEDS_FAKE();
	if (process_info().feature_size > 32)
		SKIP("the kernel writes the flags");
	for (int on = 0; on < 2; on++) {
		switched_on = 0;
		*flags = on ? ON : RK_AREA_SLICE_AVAILABLE;
		assert_int_equal(rk_vfork_begin(), 0);
		assert_int_equal(rk_vfork_begin(), 0);
		assert_int_equal(rk_vfork_end(), 0);
		assert_int_equal(switched_on, 0);
		assert_int_equal(rk_vfork_end(), 0);
		assert_int_equal(switched_on, on);
		*flags = 0;
	}
}

static void *begin_unregistered(void *arg)
{
	CHECK(!kernel_says_any());
	rk_slice_end(rk_slice_begin());
	CHECK(kernel_says_any());
	return arg;
}

static void the_first_region_registers(void **state)
{
	pthread_t thread;

	(void)state;
	NEEDS_UNREGISTERED_THREADS();
	if (!RK_HAVE_SECTIONS)
		SKIP("without sections nothing is requested");
	assert_int_equal(create_unregistered(&thread, begin_unregistered, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/*
 * The following functions test system calls inside a region that rk_slice_begin_checked() began. Signal handlers only
 * run after such a region has ended.
 */
static volatile sig_atomic_t handled;

static void on_usr1(int signo)
{
	(void)signo;
	handled++;
	(void)getppid();
}

static int checked_without_call(int depth)
{
	int begun[2], nested;

	signal(SIGSYS, SIG_DFL);
	signal(SIGUSR1, on_usr1);
	(void)getppid();
	signal(SIGALRM, on_usr1);
	for (int i = 0; i < 3; i++) {
		const struct itimerval soon = {.it_value = {0, 1000}};

		CHECK(setitimer(ITIMER_REAL, &soon, NULL) == 0);
		begun[0] = rk_slice_begin_checked();
		nested = depth > 1 ? rk_slice_begin_checked() : 0;
		for (volatile int spins = 0; spins < 10000000; spins++)
			continue;
		rk_slice_end_checked(nested);
		rk_slice_end_checked(begun[0]);
		CHECK(raise(SIGUSR1) == 0 && handled >= 2 * (i + 1));
	}
	return 0;
}

static int checked_with_call(int depth)
{
	signal(SIGSYS, SIG_DFL);
	(void)rk_slice_begin_checked();
	if (depth > 1)
		rk_slice_end_checked(rk_slice_begin_checked());
	(void)getppid();
	return 0;
}

static void *call_inside(void *unused)
{
	(void)checked_with_call(1);
	return unused;
}

/* Runs in a child. The new thread gets the memory of a thread that was in a region at the fork. */
static int checked_in_new_thread(void)
{
	pthread_t thread;

	CHECK(pthread_create(&thread, NULL, call_inside, NULL) == 0 && pthread_join(thread, NULL) == 0);
	return 0;
}

static volatile bool is_inside, may_leave;

static void *stay_inside(void *unused)
{
	int begun = rk_slice_begin_checked();

	is_inside = true;
	while (!may_leave)
		continue;
	rk_slice_end_checked(begun);
	return unused;
}

static int has_dispatch(void)
{
	static volatile unsigned char allow; /* the kernel reads it at each later call */

	return prctl(59, 1, 0, 0, &allow) == 0 ? 0 : 1;
}

static void calls_inside_are_found(void **state)
{
	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime makes system calls of its own");
	for (int depth = 1; depth <= 2; depth++) {
		assert_int_equal(in_child_with(checked_without_call, depth), 0);
		assert_int_equal(in_child_with(checked_with_call, depth), in_child(has_dispatch) == 0 ? 128 + SIGSYS : 0);
	}
}

static void calls_are_found_in_children(void **state)
{
	pthread_t thread;

	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime makes system calls of its own");
	assert_int_equal(pthread_create(&thread, NULL, stay_inside, NULL), 0);
	while (!is_inside)
		continue;
	assert_int_equal(in_child(checked_in_new_thread), in_child(has_dispatch) == 0 ? 128 + SIGSYS : 0);
	may_leave = true;
	pthread_join(thread, NULL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(nested_regions_end_once),
	cmocka_unit_test(granted_time_is_given_back),
	cmocka_unit_test(a_lost_request_is_made_again_inside),
	cmocka_unit_test(mutexes_go_in_any_order),
	cmocka_unit_test(mutexes_request_again),
	cmocka_unit_test(nothing_is_stored_where_it_is_off),
	cmocka_unit_test(a_bracket_switches_it_on_again),
	cmocka_unit_test(the_first_region_registers),
	cmocka_unit_test(the_reason),
	cmocka_unit_test(calls_inside_are_found),
	cmocka_unit_test(calls_are_found_in_children),
};

RUN(tests)
