/* SPDX-License-Identifier: MIT */
/*
 * Tests fork and vfork. A child of fork() keeps registrations and counts. The library refuses to register a vfork child, and a
 * vfork child does its parent no harm. A bracket is the code between rk_vfork_begin() and rk_vfork_end(), inside which a thread
 * has no rseq.
 */
#include "interrupt.h"
#include "alarms.h"

static struct rk_counter *counter;

static int fork_child(void)
{
	int64_t before = rk_counter_sum(counter);

	if (rk_thread_owner() != world_owner())
		return 1;
	if (world_has_rseq() && !kernel_says_registered(rk_thread_area(), process_info().length))
		return 2;
	for (int i = 0; i < 1000; i++)
		rk_counter_add(counter, 1);
	if (rk_counter_sum(counter) != before + 1000)
		return 3;
	/* The child's thread has as many users (calls of rk_thread_register()) as the parent's thread. */
	if (rk_thread_users() != (world_has_rseq() ? 2 : 0))
		return 4;
	return 0;
}

static void fork_keeps_everything(void **state)
{
	(void)state;
	assert_int_equal(rk_counter_create(&counter), 0);
	rk_counter_add(counter, 5);
	(void)rk_thread_register();
	(void)rk_thread_register();
	assert_int_equal(in_child(fork_child), 0);
	/* The parent doesn't see the child's adds. */
	assert_int_equal(rk_counter_sum(counter), 5);
	(void)rk_thread_unregister();
	(void)rk_thread_unregister();
	assert_int_equal(rk_counter_destroy(counter), 0);
}

static int stop;

static void *create_and_destroy(void *arg)
{
	struct rk_counter *c;

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		if (rk_counter_create(&c) != 0 || rk_counter_destroy(c) != 0)
			abort();
	}
	return NULL;
}

static int create_in_child(void)
{
	struct rk_counter *c;

	alarm(60);
	if (rk_counter_create(&c) != 0)
		return 1;
	rk_counter_add(c, 3);
	return rk_counter_sum(c) == 3 && rk_counter_destroy(c) == 0 ? 0 : 2;
}

/*
 * When this thread forks, another thread is nearly always creating or destroying a counter. The child must not wait
 * for that thread.
 */
static void fork_while_others_allocate(void **state)
{
	pthread_t threads[2];

	(void)state;
	__atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, create_and_destroy, NULL), 0);
	for (int i = 0; i < ROUNDS(300); i++)
		assert_int_equal(in_child(create_in_child), 0);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/*
 * Results of a vfork child. The child stores them here because it shares its parent's memory. They are volatile
 * because vfork() returns twice.
 */
static volatile int child_prepare, child_adds;
static volatile bool child_kernel_any;

static void vfork_and_operate(void)
{
	pid_t pid;
	int status;

	child_prepare = 1;
	pid = vfork();
	if (pid == 0) {
		child_prepare = rk_thread_prepare();
		for (child_adds = 0; child_adds < 100; child_adds++)
			rki_counter_add_slow(counter, 1, RK_ABORTED);
		child_kernel_any = kernel_says_any();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void *vfork_unregistered(void *arg)
{
	(void)arg;
	/*
	 * The library hasn't run in this thread, so the thread isn't registered. The library must not register the
	 * thread's vfork child either.
	 */
	vfork_and_operate();
	assert_int_equal(child_adds, 100);
	assert_int_equal(child_prepare, -EAGAIN);
	assert_false(child_kernel_any);
	assert_false(kernel_says_any());
	assert_int_equal(rk_thread_reason(), RK_REASON_NOT_YET);
	/* The parent can register later. */
	assert_int_equal(rk_thread_prepare(), 0);
	assert_true(kernel_says_registered(rk_thread_area(), process_info().length));
	return NULL;
}

static void vfork_child_is_refused(void **state)
{
	pthread_t thread;

	(void)state;
	NEEDS_VFORK();
	NEEDS_UNREGISTERED_THREADS();
	assert_int_equal(rk_counter_create(&counter), 0);
	assert_int_equal(create_unregistered(&thread, vfork_unregistered, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(rk_counter_sum(counter), 100);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

static void bracket_makes_vfork_safe(void **state)
{
	struct rk_process_info info = process_info();

	(void)state;
	NEEDS_VFORK();
	assert_int_equal(rk_counter_create(&counter), 0);
	assert_int_equal(rk_vfork_end(), -EINVAL);
	assert_int_equal(rk_vfork_begin(), 0);
	assert_int_equal(rk_vfork_begin(), 0);
	assert_int_equal(rk_vfork_end(), 0); /* ends the inner bracket, so the thread is still in the outer bracket */
	if (world_has_rseq()) {
		assert_false(kernel_says_any());
		assert_int_equal(rk_thread_reason(), RK_REASON_VFORK);
		assert_int_equal(rk_thread_owner(), RK_OWNER_NONE);
	}
	vfork_and_operate();
	if (world_has_rseq()) {
		assert_int_equal(child_prepare, -EAGAIN);
		assert_false(child_kernel_any);
		assert_int_equal(*(int64_t *)rk_percpu_slot(counter, RK_INDEX_OVERFLOW), 100);
	}
	assert_int_equal(rk_vfork_end(), 0);
	assert_int_equal(rk_vfork_end(), -EINVAL);
	if (world_has_rseq())
		assert_true(kernel_says_registered(rk_thread_area(), info.length));
	assert_int_equal(rk_thread_owner(), world_owner());
	assert_int_equal(rk_counter_sum(counter), 100);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

/*
 * Returns true if these words of the area are as they were. The words belong to the kernel: while the area is
 * registered, only the kernel is allowed to store to them.
 */
static bool same_words(const volatile struct rk_area *area, uint32_t cpu_id_start, uint32_t cpu_id, uint32_t flags)
{
	return area->cpu_id_start == cpu_id_start && area->cpu_id == cpu_id && area->flags == flags;
}

static volatile int child_begin;
static volatile bool child_kept_words;

/*
 * The vfork child runs with its parent's area. The parent sleeps during that time, so the kernel doesn't write the parent's CPU
 * ids into the area.
 */
static void vfork_and_bracket(const volatile struct rk_area *area)
{
	pid_t pid = vfork();

	if (pid == 0) {
		const uint32_t cpu_id_start = area->cpu_id_start, cpu_id = area->cpu_id, flags = area->flags;

		child_begin = rk_vfork_begin();
		child_kept_words = same_words(area, cpu_id_start, cpu_id, flags);
		(void)rk_vfork_end();
		(void)rk_thread_prepare();
		child_kept_words = child_kept_words && same_words(area, cpu_id_start, cpu_id, flags);
		child_kernel_any = kernel_says_any();
		_exit(0);
	}
	assert_int_equal(exit_status_of(pid), 0);
}

/*
 * Some kernels kill the parent if the vfork child stores to the parent's area. This test finds such a store on every
 * kernel.
 */
static void child_leaves_its_registered_parents_area_alone(void **state)
{
	(void)state;
	NEEDS_VFORK();
	NEEDS_RSEQ();
	assert_int_equal(rk_thread_prepare(), 0);
	vfork_and_bracket(rk_thread_area());
	/*
	 * A kernel that registers threads registers the vfork child too. With such a kernel, the child's bracket
	 * undid the child's registration, and the parent's registration is unchanged.
	 */
	assert_int_equal(child_begin, world_owner() == RK_OWNER_KERNEL ? 0 : -ENOTSUP);
	assert_true(child_kept_words != (world_owner() == RK_OWNER_KERNEL));
	assert_false(child_kernel_any);
	/* The child left no bracket open, and the parent is registered as before. */
	assert_int_equal(rk_vfork_end(), -EINVAL);
	assert_true(kernel_says_registered(rk_thread_area(), process_info().length));
	assert_int_equal(rk_thread_owner(), world_owner());
}

static volatile int registered_in_child;

/*
 * Runs at each instruction of rk_vfork_begin() and rk_vfork_end(): makes a vfork child, which also calls these two
 * functions. The child must stay unregistered, whichever step its parent was about to do.
 */
static void bracket_in_child(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		if (rk_vfork_begin() == 0)
			(void)rk_vfork_end();
		if (kernel_says_any())
			registered_in_child++;
		_exit(0);
	}
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

static void nothing(void)
{
}

static void bracket(void)
{
	CHECK(rk_vfork_begin() == 0);
	CHECK(!kernel_says_any());
	CHECK(rk_vfork_end() == 0);
}

static int none_registered_in_the_child(void)
{
	CHECK(kernel_says_registered(rk_thread_area(), process_info().length));
	CHECK(registered_in_child == 0);
	return 0;
}

static void a_bracket_in_a_child_is_its_own(void **state)
{
	static const struct interrupted interrupted = {nothing, bracket, bracket_in_child,
						       none_registered_in_the_child, false};

	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's code would be stepped through as well");
	NEEDS_RSEQ();
	assert_int_equal(interrupt_everywhere(&interrupted), 0);
}

static int brackets_in_handlers, registered_inside;

static void bracket_in_handler(int signo)
{
	(void)signo;
	if (rk_vfork_begin() == 0) {
		brackets_in_handlers++;
		registered_inside += kernel_says_any();
		(void)rk_vfork_end();
	}
	alarms_go_on();
}

/*
 * A handler opens and ends a bracket while the interrupted thread opens and ends its own bracket. Inside the handler's bracket
 * the thread isn't registered. The thread's own bracket isn't disturbed.
 */
static void brackets_nest_in_handlers(void **state)
{
	struct sigaction action = {.sa_handler = bracket_in_handler, .sa_flags = SA_RESTART};

	(void)state;
	NEEDS_RSEQ();
	sigaction(SIGALRM, &action, NULL);
	alarms_begin(20);
	/* On slow machines there are fewer rounds, but more than a hundred brackets in handlers. */
	for (int64_t i = 0; i < ROUNDS(200000) || brackets_in_handlers <= 100; i++) {
		assert_int_equal(rk_vfork_begin(), 0);
		assert_false(kernel_says_any());
		assert_int_equal(rk_vfork_end(), 0);
		assert_true(kernel_says_registered(area_here(), process_info().length));
	}
	alarms_end();
	assert_int_equal(registered_inside, 0);
	assert_int_equal(rk_thread_owner(), world_owner());
	alarm(TEST_SECONDS);
	signal(SIGALRM, SIG_DFL);
}

static int forks_in_handlers, bad_forks;

static void fork_in_handler(int signo)
{
	pid_t pid = fork();
	int status = 0;

	(void)signo;
	if (pid == 0)
		_exit(0);
	bad_forks += pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
	forks_in_handlers++;
}

/* A handler forks, as crash reporters do, while its thread creates and destroys counters. */
static void fork_in_a_handler(void **state)
{
	const struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = fork_in_handler, .sa_flags = SA_RESTART};
	struct rk_counter *c;

	(void)state;
	if (THREAD_SANITIZED)
		SKIP("ThreadSanitizer's fork isn't async-signal-safe");
	sigaction(SIGPROF, &action, NULL);
	assert_int_equal(setitimer(ITIMER_PROF, &often, NULL), 0);
	while (forks_in_handlers < ROUNDS(50)) {
		assert_int_equal(rk_counter_create(&c), 0);
		assert_int_equal(rk_counter_destroy(c), 0);
	}
	assert_int_equal(setitimer(ITIMER_PROF, &never, NULL), 0);
	assert_int_equal(bad_forks, 0);
}

static void bracket_depth_is_bounded(void **state)
{
	(void)state;
	for (int i = 0; i < 255; i++)
		assert_int_equal(rk_vfork_begin(), 0);
	assert_int_equal(rk_vfork_begin(), -EOVERFLOW);
	for (int i = 0; i < 255; i++)
		assert_int_equal(rk_vfork_end(), 0);
	assert_int_equal(rk_vfork_end(), -EINVAL);
	assert_int_equal(rk_thread_owner(), world_owner());
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(fork_keeps_everything),    cmocka_unit_test(fork_while_others_allocate),
	cmocka_unit_test(vfork_child_is_refused),   cmocka_unit_test(bracket_makes_vfork_safe),
	cmocka_unit_test(bracket_depth_is_bounded), cmocka_unit_test(brackets_nest_in_handlers),
	cmocka_unit_test(fork_in_a_handler),        cmocka_unit_test(a_bracket_in_a_child_is_its_own),
	cmocka_unit_test(child_leaves_its_registered_parents_area_alone),
};

RUN(tests)
