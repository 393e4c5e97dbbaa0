/* SPDX-License-Identifier: MIT */
/*
 * Tests that counters, pools of per-CPU memory, and the pools' items can be created and freed while signal handlers fork or
 * allocate, and while a thread is cancelled. No call of the library waits for an interrupted thread, neither in this process
 * nor in a child.
 */
#include "interrupt.h"
#include "calls.h"
#include <sched.h>

#define THREADS 3

static struct rk_percpu *shared;

static void make_shared(void)
{
	struct rk_percpu_options options = {.item_size = 200, .flags = RK_PERCPU_DEBUG};

	assert_int_equal(rk_percpu_create(&shared, &options, sizeof(options)), 0);
}

/*
 * Allocates two items, writes to them and frees them. No other thread must get the same items, so the values must stay.
 * Returns 0, or the line of the check that failed.
 */
static int use_shared(void)
{
	void *items[2];

	for (int i = 0; i < 2; i++) {
		if (rk_percpu_alloc(shared, &items[i]) != 0)
			return __LINE__;
		if (*(intptr_t *)items[i] != 0)
			return __LINE__;
		*(void **)items[i] = &items[i];
	}
	for (int i = 0; i < 2; i++) {
		if (*(void **)items[i] != &items[i])
			return __LINE__;
		if (rk_percpu_free(shared, items[i]) != 0)
			return __LINE__;
	}
	return 0;
}

/*
 * Creates and destroys a pool with initial contents. This needs more system calls than use_shared() and use_counter()
 * need.
 */
static int use_own(void)
{
	static const int64_t initial[1000] = {42};
	struct rk_percpu_options options = {.item_size = sizeof(initial), .initial = initial};
	struct rk_percpu *pool;
	void *item;

	if (rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &item) != 0)
		return __LINE__;
	if (*(int64_t *)item != 42)
		return __LINE__;
	if (rk_percpu_free(pool, item) != 0 || rk_percpu_destroy(pool) != 0)
		return __LINE__;
	return 0;
}

static int use_counter(void)
{
	struct rk_counter *c;

	if (rk_counter_create(&c) != 0)
		return __LINE__;
	rk_counter_add(c, 3);
	if (rk_counter_sum(c) != 3 || rk_counter_destroy(c) != 0)
		return __LINE__;
	return 0;
}

static int use_all(void)
{
	int line = use_shared();

	if (line == 0)
		line = use_counter();
	return line != 0 ? line : use_own();
}

/* Forks without fork handlers, like _Fork(), which not every libc has. */
static pid_t bare_fork(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

static pid_t fork_by(int kind)
{
	return kind & 1 ? bare_fork() : fork();
}

/*
 * Runs in a child. Checks that all functions work in this child, in a child that it makes by fork(), and in a child that
 * it makes by bare_fork().
 */
static int as_child(void)
{
	if (use_all() != 0)
		return 1;
	for (int kind = 0; kind < 2; kind++) {
		pid_t pid = fork_by(kind);

		if (pid == 0) {
			alarm(60);
			_exit(use_all() == 0 ? 0 : 1);
		}
		if (exit_status_of(pid) != 0)
			return 2;
	}
	return 0;
}

static int stop, handled, bad_children, first_bad;
static __thread volatile bool is_child;

/* Half of the children run as_child() in the handler. The other half first return, and finish the interrupted call. */
static void fork_in_handler(int signo)
{
	int number = __atomic_load_n(&handled, __ATOMIC_RELAXED), saved = errno, status;
	pid_t pid = fork_by(number);

	(void)signo;
	if (pid == 0) {
		alarm(60);
		if (number & 2)
			_exit(as_child());
		is_child = true;
		return;
	}
	status = exit_status_of(pid);
	if (status != 0 && __atomic_fetch_add(&bad_children, 1, __ATOMIC_RELAXED) == 0)
		first_bad = status;
	errno = saved;
	__atomic_store_n(&handled, number + 1, __ATOMIC_RELEASE);
}

static void allocate_in_handler(int signo)
{
	int saved = errno;

	(void)signo;
	if (use_all() != 0)
		bad_children++;
	errno = saved;
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELEASE);
}

static void *use_until_stopped(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		int line = use_all();

		if (is_child)
			_exit(line == 0 ? as_child() : 1);
		if (line != 0)
			return (void *)(intptr_t)line;
	}
	return NULL;
}

/*
 * Starts threads that all use the same pool, and interrupts each of them in turn. If a call ever waited for an
 * interrupted thread, the test would hang.
 */
static void interrupt_users(void (*handler)(int), int64_t times)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
	pthread_t threads[THREADS];
	void *line;

	make_shared();
	sigaction(SIGUSR1, &action, NULL);
	stop = handled = bad_children = 0;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_until_stopped, NULL), 0);
	for (int i = 0; i < times && __atomic_load_n(&bad_children, __ATOMIC_RELAXED) == 0; i++) {
		assert_int_equal(pthread_kill(threads[i % THREADS], SIGUSR1), 0);
		while (__atomic_load_n(&handled, __ATOMIC_ACQUIRE) <= i)
			sched_yield();
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], &line), 0);
		assert_int_equal((intptr_t)line, 0);
	}
	signal(SIGUSR1, SIG_DFL);
	if (bad_children > 0)
		fprintf(stderr, "# %d bad of %d, the first one ended with %d\n", bad_children, handled, first_bad);
	assert_int_equal(bad_children, 0);
	assert_int_equal(rk_percpu_destroy(shared), 0);
}

static void children_of_handlers(void **state)
{
	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime has locks of its own, which a fork in a handler may find taken");
	if (THREAD_SANITIZED)
		SKIP("ThreadSanitizer's fork isn't async-signal-safe");
	interrupt_users(fork_in_handler, ROUNDS(200));
}

static void handlers_allocate(void **state)
{
	(void)state;
	interrupt_users(allocate_in_handler, ROUNDS(1000));
}

static void *interrupted_item, *handlers_item;

/* Makes the pool reserve a range of address space first, so the handler only interrupts the allocation of an item. */
static void have_a_range(void)
{
	void *item;

	CHECK(rk_percpu_alloc(shared, &item) == 0 && rk_percpu_free(shared, item) == 0);
}

static void take_one(void)
{
	CHECK(rk_percpu_alloc(shared, &interrupted_item) == 0);
}

static void take_another(void)
{
	CHECK(rk_percpu_alloc(shared, &handlers_item) == 0);
}

static int have_two_items(void)
{
	CHECK(interrupted_item != NULL && handlers_item != NULL && interrupted_item != handlers_item);
	CHECK(rk_percpu_free(shared, interrupted_item) == 0 && rk_percpu_free(shared, handlers_item) == 0);
	return 0;
}

/* At each instruction of an allocation, a handler allocates another item. */
static void taken_at_every_instruction(void **state)
{
	static const struct interrupted interrupted = {have_a_range, take_one, take_another, have_two_items, false};

	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime takes too many steps");
	make_shared();
	assert_int_equal(interrupt_everywhere(&interrupted), 0);
	assert_int_equal(rk_percpu_destroy(shared), 0);
}

static bool fork_after_open;
static pid_t reader = -1;
static int read_by_child;

/*
 * Makes the library's system calls. Just after an open(), forks as a signal handler could do. The child continues the
 * interrupted call of the library.
 */
static long called(long number, const long arguments[6])
{
	long result = really(number, arguments);

	if (number == SYS_openat && fork_after_open) {
		fork_after_open = false;
		reader = fork();
		if (reader > 0)
			read_by_child = exit_status_of(reader);
	}
	return result;
}

static int read_beside_a_child(void)
{
	int count;

	fork_after_open = true;
	count = rk_cpus_count();
	if (reader == 0)
		_exit(count % 128);
	CHECK(reader > 0);
	CHECK(count % 128 == read_by_child);
	return 0;
}

/*
 * The library reads the list of possible CPUs from /sys. If it has opened this file before the fork, parent and child
 * share the file position, so each could read only a part of the list. The library reads the list once per process, so
 * this test must be the first.
 */
static void list_of_cpus_beside_a_child(void **state)
{
	(void)state;
	if (SANITIZED || access("/sys/devices/system/cpu/possible", R_OK) != 0)
		SKIP("there is no list to read, or a sanitizer has its own system calls");
	assert_int_equal(in_child(read_beside_a_child), 0);
}

static volatile bool came_through;

static void *use_with_a_request_pending(void *arg)
{
	(void)arg;
	(void)pthread_cancel(pthread_self());
	(void)rk_process_init();
	(void)rk_thread_register();
	came_through = use_all() == 0;
	pthread_testcancel();
	return NULL;
}

/* Runs in a child. The library must not act on the cancellation request of the thread; only pthread_testcancel() may. */
static int cancelled_before(void)
{
	pthread_t thread;
	void *result;

	alarm(60);
	make_shared();
	CHECK(pthread_create(&thread, NULL, use_with_a_request_pending, NULL) == 0);
	CHECK(pthread_join(thread, &result) == 0);
	CHECK(came_through);
	CHECK(result == PTHREAD_CANCELED);
	CHECK(use_all() == 0);
	return 0;
}

static void no_cancellation_point(void **state)
{
	(void)state;
	assert_int_equal(in_child(cancelled_before), 0);
}

static void *use_cancellable(void *arg)
{
	(void)pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	return use_until_stopped(arg);
}

/* Only the object that the cancelled thread was creating or freeing is lost. All other calls work as before. */
static int cancelled_anywhere(void)
{
	make_shared();
	stop = 0;
	for (int64_t i = 0; i < ROUNDS(60); i++) {
		struct timespec moment = {.tv_nsec = 1000 * (i % 200)};
		pthread_t thread;
		void *result;

		alarm(60);
		CHECK(pthread_create(&thread, NULL, use_cancellable, NULL) == 0);
		nanosleep(&moment, NULL);
		CHECK(pthread_cancel(thread) == 0);
		CHECK(pthread_join(thread, &result) == 0);
		CHECK(result == PTHREAD_CANCELED);
		CHECK(use_all() == 0);
		CHECK(as_child() == 0);
	}
	return 0;
}

static void asynchronous_cancellation(void **state)
{
	(void)state;
	if (SANITIZED)
		SKIP("the sanitizers' own code doesn't tolerate asynchronous cancellation");
	assert_int_equal(in_child(cancelled_anywhere), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(list_of_cpus_beside_a_child),
	cmocka_unit_test(taken_at_every_instruction),
	cmocka_unit_test(children_of_handlers),
	cmocka_unit_test(handlers_allocate),
	cmocka_unit_test(no_cancellation_point),
	cmocka_unit_test(asynchronous_cancellation),
};

RUN(tests)
