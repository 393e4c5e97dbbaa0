/* SPDX-License-Identifier: MIT */
/*
 * test_others.c - tests the allocator while environment variables change, while signal handlers fork or allocate, and while fork
 * handlers allocate. Also tests programs that copy the contents of new memory.
 */
#include "test.h"
#include <malloc.h>
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

#ifndef sigev_notify_thread_id /* older glibc lacks the name */
#define sigev_notify_thread_id _sigev_un._tid
#endif

static int refused_at_fork, asked_at_fork;

static void allocate_at_fork(void)
{
	void *objects[] = {malloc(100), malloc(5000), malloc(100000)};

	for (int i = 0; i < 3; i++) {
		asked_at_fork++;
		refused_at_fork += objects[i] == NULL;
		free(objects[i]);
	}
}

/*
 * Registers fork handlers as early as a program can. The allocator may have registered its handlers even earlier (-z
 * initfirst). In this case, the program's handlers run first before a fork, and last after a fork.
 */
static void register_early(int argc, char **argv, char **environment)
{
	(void)argc;
	(void)argv;
	(void)environment;
	(void)pthread_atfork(allocate_at_fork, allocate_at_fork, allocate_at_fork);
}

__attribute__((__section__(".preinit_array"), __used__)) static void (*const early)(int, char **, char **) = register_early;

static int in_child_of_fork(void)
{
	return refused_at_fork;
}

/* Ends a test that hangs. */
static void limit_time(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM};
	struct itimerspec limit = {.it_value.tv_sec = 300};
	timer_t timer;

	CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &limit, NULL) == 0);
}

static void handlers_of_fork_allocate(void **state)
{
	(void)state;
	limit_time();
	for (int i = 0; i < 20; i++)
		assert_int_equal(in_child(in_child_of_fork), 0);
	assert_int_equal(refused_at_fork, 0);
	assert_int_equal(asked_at_fork, 20 * 6);
}

static void (*interrupting)(int);
static int handled;
static __thread timer_t interrupter;
static __thread uint32_t moments;

/*
 * Sets this thread's own timer, which expires once, after 30 to 290 us. The signal handler sets the timer again at its end, so
 * the thread makes progress between two interruptions. (ITIMER_PROF expires only at kernel ticks, some hundred times a second.)
 */
static void interrupt_soon(void)
{
	struct itimerspec soon = {.it_value.tv_nsec = 30000 + (moments = moments * 1664525 + 1013904223) % 260000};

	(void)timer_settime(interrupter, 0, &soon, NULL); /* a child has no timer */
}

static void interrupt(int signal)
{
	int saved = errno;

	interrupting(signal);
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
	interrupt_soon();
	errno = saved;
}

static void begin_interruptions(void)
{
	struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};

	event.sigev_notify_thread_id = gettid();
	CHECK(sigaction(SIGPROF, &action, NULL) == 0);
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &interrupter) == 0);
	interrupt_soon();
}

static void end_interruptions(void)
{
	CHECK(timer_delete(interrupter) == 0);
}

static bool stop;

static void allocate(size_t size)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		void *objects[100];

		for (int i = 0; i < 100; i++)
			objects[i] = malloc(size);
		for (int i = 0; i < 100; i++)
			free(objects[i]);
	}
}

static void *allocate_large(void *arg)
{
	allocate(70000);
	return arg;
}

static void *allocate_interrupted(void *arg)
{
	begin_interruptions();
	allocate(20000);
	end_interruptions();
	return arg;
}

/* While the environment changes, other threads must not call the libc's getenv(), so an allocator must not call it. */
static void the_environment_changes(void **state)
{
	pthread_t thread;
	char name[32];

	(void)state;
	stop = false;
	assert_int_equal(pthread_create(&thread, NULL, allocate_large, NULL), 0);
	for (int i = 0; i < (int)ROUNDS(4000); i++) {
		snprintf(name, sizeof(name), "NAME_%d", i);
		assert_int_equal(setenv(name, "value", 1), 0);
		if (i % 2 != 0)
			unsetenv(name);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	clearenv();
}

static void fork_and_allocate(int signal)
{
	pid_t pid = fork();
	int status;

	(void)signal;
	if (pid == 0) {
		free(malloc(20000));
		_exit(0);
	}
	if (pid > 0 && (waitpid(pid, &status, 0) != pid || status != 0))
		_exit(77);
}

static void allocate_in_handler(int signal)
{
	(void)signal;
	free(malloc(20000));
	free(malloc(3000000));
}

/* Allocates until `often` interruptions happened. If `beside` isn't NULL, another thread runs `beside` in this time. */
static void interrupted_by(void (*handler)(int), int often, void *(*beside)(void *))
{
	pthread_t thread;

	handled = 0;
	interrupting = handler;
	stop = false;
	if (beside != NULL)
		assert_int_equal(pthread_create(&thread, NULL, beside, NULL), 0);
	begin_interruptions();
	while (__atomic_load_n(&handled, __ATOMIC_RELAXED) < often) {
		void *objects[50];

		for (int i = 0; i < 50; i++)
			objects[i] = malloc(i % 2 != 0 ? 20000 : 400000);
		for (int i = 0; i < 50; i++)
			free(objects[i]);
	}
	end_interruptions();
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	if (beside != NULL)
		pthread_join(thread, NULL);
}

/*
 * Returns the bytes that are mapped, but are neither in the allocator's chunks (large blocks of memory) nor in mappings for
 * single objects.
 */
static long other_memory(void)
{
	struct mallinfo2 now = mallinfo2();
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = 0;

	assert_true(file != NULL && fscanf(file, "%ld", &pages) == 1);
	fclose(file);
	return pages * sysconf(_SC_PAGESIZE) - (long)now.arena - (long)now.hblkhd;
}

/*
 * If a handler interrupts the code that manages pages, the allocator gives the handler objects with mappings of their own. After
 * these objects are freed, no memory of them stays mapped.
 */
static void handlers_leave_nothing(void **state)
{
	long before;

	(void)state;
	interrupted_by(allocate_in_handler, (int)ROUNDS(300), NULL);
	before = other_memory();
	interrupted_by(allocate_in_handler, (int)ROUNDS(6000), NULL);
	assert_true(other_memory() - before < (1 << 20));
}

static void handlers_fork(void **state)
{
	(void)state;
	interrupted_by(fork_and_allocate, (int)ROUNDS(300), NULL);
}

/* A handler needs a lock. Another thread may hold this lock, and wait for a lock that the interrupted thread holds. */
static void handlers_beside_threads(void **state)
{
	(void)state;
	interrupted_by(allocate_in_handler, (int)ROUNDS(6000), allocate_interrupted);
}

static void fork_in_fork(int signal)
{
	int saved = errno;
	pid_t pid = fork();

	(void)signal;
	if (pid == 0)
		_exit(0);
	CHECK(pid < 0 || exit_status_of(pid) == 0);
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
	errno = saved;
}

static void allocate_in_fork(int signal)
{
	void *objects[100];

	(void)signal;
	for (int i = 0; i < 100; i++)
		objects[i] = malloc(30000);
	for (int i = 0; i < 100; i++)
		free(objects[i]);
	__atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
}

/*
 * The timer expires within 60 us, and a fork takes 30 us or more. Signals therefore interrupt the fork handlers at any moment,
 * also at their end.
 */
static void handlers_interrupt_forks(void **state)
{
	static void (*const handlers[])(int) = {fork_in_fork, allocate_in_fork};
	struct sigaction action = {.sa_flags = SA_RESTART};

	(void)state;
	for (int i = 0; i < 2; i++) {
		action.sa_handler = handlers[i];
		assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
		handled = 0;
		for (int round = 0; round < ROUNDS(1200); round++) {
			struct itimerval once = {.it_value.tv_usec = 1 + round * 7 % 60};
			pid_t pid;

			CHECK(setitimer(ITIMER_REAL, &once, NULL) == 0);
			pid = fork();
			if (pid == 0)
				_exit(0);
			CHECK(pid > 0 && exit_status_of(pid) == 0);
		}
		assert_true(handled > 0);
	}
}

/*
 * The allocator marks free objects. New memory can contain the bytes of freed objects with their marks, and a program can copy
 * these bytes to another object. This object must not count as free. In each round, pages are used for large objects, and then
 * for small objects again.
 */
static void contents_of_new_memory_say_nothing(void **state)
{
	enum { COUNT = 200000, LARGE = 300000 }; /* so many that they use all pages that earlier tests left, too */
	static char *objects[COUNT], copy[LARGE];
	int copied = 0;

	(void)state;
	for (int round = 0; round < 5; round++) {
		char *large;

		for (int i = 0; i < COUNT; i++)
			objects[i] = malloc(24);
		for (int i = 0; i < COUNT; i++)
			free(objects[i]);
		(void)malloc_trim((size_t)1 << 30); /* gives objects back to the pages, which keep their contents */
		large = malloc(LARGE);
		memcpy(copy, large, LARGE);
		free(large);
		for (int i = 0; i < COUNT; i++) {
			objects[i] = malloc(24);
			if ((uintptr_t)objects[i] - (uintptr_t)large > LARGE - 24)
				continue;
			memcpy(objects[i], copy + (objects[i] - large), 24);
			objects[i] = realloc(objects[i], 100);
			copied++;
		}
		for (int i = 0; i < COUNT; i++)
			free(objects[i]);
	}
	assert_true(copied > 0);
}

static bool began_early; /* true: the allocator had begun before the first constructor of the program */

__attribute__((__constructor__)) static void look_early(void)
{
	extern char librseqkit_malloc_mode[];

	began_early = strcmp(librseqkit_malloc_mode, "nothing allocated") != 0;
}

/*
 * The allocator begins before the program's constructors, so its handlers of fork are registered before those of the
 * constructors.
 */
static void begins_before_constructors(void **state)
{
	(void)state;
	assert_true(began_early);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(handlers_of_fork_allocate),
	/* Must run before tests with threads: with threads, the libc's fork isn't safe in a handler that interrupts a fork. */
	cmocka_unit_test(handlers_interrupt_forks),
	cmocka_unit_test(the_environment_changes),
	cmocka_unit_test(handlers_leave_nothing),
	cmocka_unit_test(handlers_fork),
	cmocka_unit_test(handlers_beside_threads),
	cmocka_unit_test(contents_of_new_memory_say_nothing),
	cmocka_unit_test(begins_before_constructors),
};

RUN(tests)
