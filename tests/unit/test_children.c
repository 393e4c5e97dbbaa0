/* SPDX-License-Identifier: MIT */
/*
 * Tests children of a busy process. The process forks while other threads start and end, forks in a handler at any
 * instruction, and spawns programs. The tests also send signals to the parent or the child during a vfork.
 */
#include "interrupt.h"
#include <sched.h>
#include <spawn.h>

static struct rk_counter *counter;
static int stop;
static int64_t added;

static bool registered_here(void)
{
	return kernel_says_registered(area_here(), process_info().length);
}

static void *live_shortly(void *arg)
{
	CHECK(world_has_rseq() ? rk_thread_prepare() == 0 : rk_thread_prepare() < 0);
	CHECK(!world_has_rseq() || registered_here());
	for (int i = 0; i < 50; i++)
		rk_counter_add(counter, 1);
	__atomic_fetch_add(&added, 50, __ATOMIC_RELAXED);
	return arg;
}

/* Again and again, starts threads that register, operate and end. */
static void *come_and_go(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		pthread_t thread;

		CHECK(pthread_create(&thread, NULL, live_shortly, NULL) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
	}
	return arg;
}

static pthread_t others[2];

/*
 * Starts the other threads, and returns when they have begun to add. Otherwise some tests would end before a new
 * thread runs.
 */
static void start_others(void)
{
	__atomic_store_n(&stop, 0, __ATOMIC_RELAXED);
	added = 0;
	assert_int_equal(rk_counter_create(&counter), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&others[i], NULL, come_and_go, NULL), 0);
	while (__atomic_load_n(&added, __ATOMIC_RELAXED) == 0)
		usleep(1000);
}

static void stop_others(int64_t more)
{
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(others[i], NULL), 0);
	assert_int_equal(rk_counter_sum(counter), added + more);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

/*
 * Runs in a child, where no other thread exists. The child's counters are exact, even after the child has created
 * threads.
 */
static int child_of_many(void)
{
	int64_t before = rk_counter_sum(counter);
	pthread_t thread[2];

	alarm(60);
	CHECK(rk_thread_owner() == world_owner());
	CHECK(!world_has_rseq() || registered_here());
	for (int i = 0; i < 100; i++)
		rk_counter_add(counter, 1);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&thread[i], NULL, live_shortly, NULL) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
	CHECK(rk_counter_sum(counter) == before + 200);
	return 0;
}

static void fork_while_others_come_and_go(void **state)
{
	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime starts no threads in the child of a process with threads");
	start_others();
	for (int64_t i = 0; i < ROUNDS(300); i++)
		assert_int_equal(in_child(child_of_many), 0);
	stop_others(0);
	assert_int_equal(rk_thread_owner(), world_owner());
}

/*
 * Unregisters the thread, so that its state is the state before its first operation. This is possible only if this library
 * registers threads. Otherwise this function does nothing.
 */
static void before_first_operation(void)
{
	if (world_owner() == RK_OWNER_SELF)
		CHECK(syscall(quiet_rseq(), area_here(), process_info().length, 1, RK_SIGNATURE) == 0);
}

static bool has_rseq; /* computed before the operation begins, so that the operation has fewer instructions */

static void operate(void)
{
	CHECK((rk_thread_prepare() == 0) == has_rseq);
	rk_counter_add(counter, 1);
}

/* The result of the handler's fork(). Both the parent and the child continue the interrupted operation. */
static pid_t forked = -1;

static void fork_and_operate(void)
{
	forked = fork();
	CHECK(forked >= 0);
	operate();
}

static int judge_both(void)
{
	CHECK(forked >= 0 && rk_counter_sum(counter) == 2);
	CHECK(!world_has_rseq() || registered_here());
	CHECK(rk_thread_owner() == world_owner());
	return forked == 0 ? 0 : exit_status_of(forked);
}

static void fork_at_every_instruction(void **state)
{
	static const struct interrupted first = {before_first_operation, operate, fork_and_operate, judge_both, false};

	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime takes too many steps");
	has_rseq = world_has_rseq();
	assert_int_equal(rk_counter_create(&counter), 0);
	assert_int_equal(interrupt_everywhere(&first), 0);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

extern char **environ;

/* posix_spawn() makes vfork children that use this thread's area, and that don't call the library. */
static void spawn_while_others_come_and_go(void **state)
{
	char *const arguments[] = {(char *)(uintptr_t)"true", NULL};
	const int64_t rounds = ROUNDS(200);

	(void)state;
	if (access("/bin/sh", X_OK) != 0)
		SKIP("no shell to spawn here");
	start_others();
	for (int64_t i = 0; i < rounds; i++) {
		pid_t pid;

		rk_counter_add(counter, 1);
		assert_int_equal(posix_spawnp(&pid, "true", NULL, NULL, arguments, environ), 0);
		rk_counter_add(counter, 1);
		assert_int_equal(exit_status_of(pid), 0);
		assert_int_equal(system("exit 0"), 0);
		assert_int_equal(rk_thread_owner(), world_owner());
		assert_true(!world_has_rseq() || registered_here());
	}
	stop_others(2 * rounds);
}

/*
 * Describes a vfork child while it runs and its parent waits. The struct is volatile because the child shares this
 * memory, and because vfork() returns twice. The child doesn't exit before the other thread has sent its signals.
 */
static volatile struct {
	pid_t child; /* the child's process id, once the child runs */
	bool sent, left;
	int in_child, in_parent; /* how often the handler ran in the child and in the parent */
	bool too_early;          /* true: the handler ran in the parent before `left` was set */
	bool registers;          /* true: the handler in the child found a registration or made one */
} window;

static pthread_t parent;

static void in_window(int signo)
{
	(void)signo;
	rk_counter_add(counter, 1);
	if (syscall(SYS_getpid) == window.child) {
		window.registers |= rk_thread_prepare() == 0 || kernel_says_any();
		window.in_child++;
	} else {
		window.too_early |= !window.left;
		window.in_parent++;
	}
}

/* Waits for the child, and sends a signal to the parent. If `arg` isn't NULL, also sends a signal to the child. */
static void *send_signals(void *arg)
{
	while (window.child == 0)
		sched_yield();
	CHECK(pthread_kill(parent, SIGUSR1) == 0);
	if (arg != NULL)
		CHECK(kill(window.child, SIGUSR1) == 0);
	window.sent = true;
	return NULL;
}

static void be_in_window(bool expect_handler)
{
	window.child = (pid_t)syscall(SYS_getpid);
	while (!window.sent || (expect_handler && window.in_child == 0))
		sched_yield();
	for (int i = 0; i < 100; i++)
		sched_yield(); /* gives a handler in the parent time to run */
	window.left = true;
}

static void vfork_with_signals(bool to_child)
{
	struct sigaction action = {.sa_handler = in_window, .sa_flags = SA_RESTART};
	pthread_t sender;
	pid_t pid;

	memset((void *)(uintptr_t)&window, 0, sizeof(window));
	parent = pthread_self();
	CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
	CHECK(pthread_create(&sender, NULL, send_signals, to_child ? &sender : NULL) == 0);
	pid = vfork();
	if (pid == 0) {
		be_in_window(to_child);
		_exit(0);
	}
	CHECK(exit_status_of(pid) == 0);
	CHECK(pthread_join(sender, NULL) == 0);
	CHECK(window.in_parent == 1 && !window.too_early);
	CHECK(window.in_child == to_child && !window.registers);
}

/*
 * The child only waits. The parent's handler runs only after the child has ended. Then the parent is still registered, if the
 * test runs in a world (test.h) that has rseq.
 */
static void signal_to_the_parent_of_a_vfork(void **state)
{
	const int rounds = (int)(200 / SLOWNESS());

	(void)state;
	NEEDS_VFORK();
	assert_int_equal(rk_counter_create(&counter), 0);
	for (int i = 0; i < rounds; i++) {
		vfork_with_signals(false);
		assert_true(!world_has_rseq() || registered_here());
	}
	assert_int_equal(rk_counter_sum(counter), rounds);
	assert_int_equal(rk_thread_owner(), world_owner());
	assert_int_equal(rk_counter_destroy(counter), 0);
}

/*
 * The vfork is between rk_vfork_begin() and rk_vfork_end(). The handlers in both processes therefore add to the overflow slot,
 * which is the counter's memory for threads without rseq. The new thread that sends the signals must not register the thread
 * that calls vfork().
 */
static void signals_in_the_bracket(void **state)
{
	const int rounds = (int)(200 / SLOWNESS());

	(void)state;
	NEEDS_VFORK();
	NEEDS_RSEQ();
	assert_int_equal(rk_counter_create(&counter), 0);
	for (int i = 0; i < rounds; i++) {
		assert_int_equal(rk_vfork_begin(), 0);
		vfork_with_signals(true);
		assert_false(kernel_says_any());
		assert_int_equal(rk_vfork_end(), 0);
		assert_true(registered_here());
	}
	assert_int_equal(rk_counter_sum(counter), 2 * rounds);
	assert_int_equal(*(int64_t *)rk_percpu_slot(counter, RK_INDEX_OVERFLOW), 2 * rounds);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

/*
 * The thread calls vfork() without rk_vfork_begin(), and isn't registered. The handler in the child must not register the
 * child. The parent can register itself after the vfork.
 */
static void *signals_unregistered(void *arg)
{
	vfork_with_signals(true);
	CHECK(rk_thread_prepare() == 0 && registered_here());
	return arg;
}

static void signals_without_the_bracket(void **state)
{
	const int rounds = (int)(200 / SLOWNESS());
	pthread_t thread;

	(void)state;
	NEEDS_VFORK();
	NEEDS_UNREGISTERED_THREADS();
	assert_int_equal(rk_counter_create(&counter), 0);
	for (int i = 0; i < rounds; i++) {
		assert_int_equal(create_unregistered(&thread, signals_unregistered, NULL), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	assert_int_equal(rk_counter_sum(counter), 2 * rounds);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(fork_while_others_come_and_go),   cmocka_unit_test(fork_at_every_instruction),
	cmocka_unit_test(spawn_while_others_come_and_go),  cmocka_unit_test(signal_to_the_parent_of_a_vfork),
	cmocka_unit_test(signals_in_the_bracket),          cmocka_unit_test(signals_without_the_bracket),
};

RUN(tests)
