/* SPDX-License-Identifier: MIT */
/*
 * Tests slice extensions (short delays of a preemption) on a kernel that has them. A region is the code from rk_slice_begin()
 * to rk_slice_end(). The tests check what disables the extension and enables it again, and whether time is granted and given
 * back. Also tests what a grant leaves in the kernel.
 */
#include "slices.h"
#include "refuse.h"

static uint32_t control_now(void)
{
	return area_here()->slice_ctrl;
}

static int judge_on(void)
{
	CHECK(rk_slice_thread_reason() == RK_SLICE_NONE && kernel_says_on());
	return 0;
}

static void *first_region(void *arg)
{
	int requested;

	CHECK(rk_slice_thread_reason() == RK_SLICE_NOT_YET && !kernel_says_on());
	switched_on = 0;
	requested = rk_slice_begin();
	CHECK(requested == 1 && switched_on == 1 && judge_on() == 0);
	rk_slice_end(requested);
	rk_slice_end(rk_slice_begin());
	CHECK(switched_on == 1 && control_now() == 0);
	return arg;
}

static void each_thread_asks_once(void **state)
{
	pthread_t thread;

	(void)state;
	NEEDS_SLICES();
	for (int i = 0; i < 3; i++) {
		assert_int_equal((i == 1 ? create_unregistered(&thread, first_region, NULL) :
					   pthread_create(&thread, NULL, first_region, NULL)), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
}

static void what_others_switch_stays(void **state)
{
	(void)state;
	NEEDS_SLICES();
	assert_int_equal(rk_slice_enable(), 0);
	switched_on = 0;
	assert_int_equal(rk_slice_enable(), 0);
	assert_int_equal(switched_on, 0);
	rk_slice_end(rk_slice_begin());
	assert_true(kernel_says_on());
	assert_int_equal(prctl(PRCTL_SLICE, SLICE_SET, 0, 0, 0), 0);
	rk_slice_end(rk_slice_begin());
	assert_false(kernel_says_on());
	assert_int_equal(rk_slice_thread_reason(), RK_SLICE_SWITCHED_OFF);
	assert_int_equal(rk_slice_enable(), 0);
	assert_int_equal(judge_on(), 0);
}

static int bracket_in_child(void)
{
	CHECK(judge_on() == 0);
	CHECK(rk_vfork_begin() == 0 && rk_slice_thread_reason() == RK_SLICE_VFORK);
	CHECK(rk_slice_begin() == 0 || control_now() == REQUESTED); /* the area isn't registered, so the kernel doesn't use it */
	CHECK(rk_vfork_end() == 0);
	return judge_on();
}

static int count_in_vfork_child(void *arg, const void *signals)
{
	(void)arg;
	(void)signals;
	rk_slice_end(rk_slice_begin());
	return 0;
}

static void fork_and_brackets_keep_it(void **state)
{
	int pid;

	(void)state;
	NEEDS_SLICES();
	assert_int_equal(rk_slice_enable(), 0);
	assert_int_equal(in_child(judge_on), 0);
	assert_int_equal(in_child(bracket_in_child), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(rk_vfork_begin(), 0);
		assert_int_equal(rk_vfork_begin(), 0);
		assert_int_equal(rk_vfork_end(), 0);
		assert_int_equal(rk_vfork_end(), 0);
		assert_int_equal(judge_on(), 0);
		assert_int_equal(rk_vfork_run(count_in_vfork_child, NULL, &pid), 0);
		assert_int_equal(exit_status_of(pid), 0);
		assert_int_equal(judge_on(), 0);
	}
	assert_int_equal(prctl(PRCTL_SLICE, SLICE_SET, 0, 0, 0), 0);
	assert_int_equal(rk_vfork_begin(), 0);
	assert_int_equal(rk_vfork_end(), 0);
	assert_false(kernel_says_on());
	assert_int_equal(rk_slice_enable(), 0);
}

static void *refused(void *arg)
{
	CHECK(rk_thread_prepare() == 0);
	refuse(SYS_prctl, SYS_prctl, EPERM);
	switched_on = 0;
	for (int i = 0; i < 3; i++)
		CHECK(rk_slice_begin() == 0 && rk_slice_thread_reason() == RK_SLICE_BLOCKED);
	CHECK(switched_on == 1);
	CHECK(rk_slice_enable() == -EPERM && rk_slice_thread_reason() == RK_SLICE_BLOCKED);
	return arg;
}

static void a_filter_refuses(void **state)
{
	pthread_t thread;

	(void)state;
	NEEDS_SLICES();
	assert_int_equal(pthread_create(&thread, NULL, refused, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Another process that always wants this CPU. */
static int compete(void)
{
	alarm(TEST_SECONDS);
	for (;;)
		continue;
	return 0;
}

static uint32_t work(void)
{
	uint32_t control = 0;

	for (int i = 0; i < 100000 && control != GRANTED; i++)
		control = control_now();
	return control;
}

#define GRANTS 20

static void time_is_granted(void **state)
{
	int granted = 0, regions = 0, lost = 0, before;
	pid_t pid;

	(void)state;
	NEEDS_SLICES();
	pin(sched_getcpu());
	pid = fork();
	if (pid == 0)
		_exit(compete());
	yields = yielded_in_time = 0;
	while (yielded_in_time < GRANTS && regions < 1000000) {
		int requested = rk_slice_begin();
		uint32_t control;

		assert_int_equal(requested, 1);
		before = yields;
		control = work();
		granted += control == GRANTED;
		lost += control == 0;
		rk_slice_end(requested);
		assert_int_equal(control_now(), 0);
		assert_true(control != GRANTED || yields == before + 1);
		regions++;
	}
	kill(pid, SIGKILL);
	exit_status_of(pid);
	printf("# %d regions: %d granted more time, %d preempted; %d yields, of which %d in time\n", regions, granted, lost,
	       yields, yielded_in_time);
	assert_true(yielded_in_time >= GRANTS);
}

/*
 * If a thread keeps a grant too long, the kernel remembers this until the thread's next system call. If the thread has made
 * another request by then, a kernel that was started with rseq_debug=1 kills the thread. The end of a region therefore makes a
 * system call.
 *
 * To show this, the test also runs without the end of the region. Then a kernel with rseq_debug=1 kills the thread.
 */
static bool kernel_checks(void)
{
	char line[4096] = "";
	FILE *file = fopen("/proc/cmdline", "re");

	if (file != NULL) {
		(void)!fgets(line, sizeof(line), file);
		fclose(file);
	}
	return strstr(line, "rseq_debug=1") != NULL;
}

static int lose_grants(int ends)
{
	volatile struct rk_area *area = rk_area_at(process_info().offset);
	pid_t self = getpid(), pid = fork();

	signal(SIGSEGV, SIG_DFL); /* replaces cmocka's handler */
	alarm(TEST_SECONDS / 2); /* if this process hangs, ends it before the competing process ends */
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(getppid() == self ? compete() : 0);
	}
	for (int i = 0; i < GRANTS;) {
		int requested = rk_slice_begin();
		uint32_t control = work();

		while (control == GRANTED && control_now() == GRANTED)
			continue;
		if (ends)
			rk_slice_end(requested);
		else
			area->slice_ctrl = 0;
		requested = rk_slice_begin();
		(void)getppid();
		rk_slice_end(requested);
		i += control == GRANTED;
	}
	kill(pid, SIGKILL);
	return exit_status_of(pid) == 128 + SIGKILL ? 0 : 1;
}

static void a_lost_grant_leaves_nothing(void **state)
{
	(void)state;
	NEEDS_SLICES();
	assert_int_equal(rk_slice_enable(), 0);
	pin(sched_getcpu());
	assert_int_equal(in_child_with(lose_grants, 1), 0);
	assert_int_equal(in_child_with(lose_grants, 0), kernel_checks() ? 128 + SIGSEGV : 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_thread_asks_once),
	cmocka_unit_test(what_others_switch_stays),
	cmocka_unit_test(fork_and_brackets_keep_it),
	cmocka_unit_test(a_filter_refuses),
	cmocka_unit_test(time_is_granted),
	cmocka_unit_test(a_lost_grant_leaves_nothing),
};

RUN(tests)
