/* SPDX-License-Identifier: MIT */
/*
 * Tests processes without rseq. A seccomp filter makes rseq(2) return ENOSYS, EPERM or another error, or even success
 * without effect. The process has this filter from its start, or installs it later. Other cases call
 * rk_thread_prepare() in each thread, and then install a filter that kills threads that make system calls. All
 * structures still work, and no thread tries to register twice.
 *
 * For each case, this program starts itself once more, under the filter: "test_norseq CASE".
 */
#include "refuse.h"
#include <dirent.h>
#include <rseqkit/ops.h>

/* Allows the system calls that end a thread or wait for a thread. Every other call kills the process. */
static void kill_most(unsigned flags)
{
	static const int allowed[] = {SYS_exit, SYS_futex, SYS_madvise, SYS_munmap, SYS_write, SYS_rt_sigprocmask,
				      SYS_rt_sigreturn,
#ifndef __GLIBC__
				      SYS_rseq, /* musl: undoes a registration when the thread ends; see thread.h */
#endif
				      -1};

	allow_only(allowed, NULL, NULL, flags);
}

static struct rk_counter *counter;
static pthread_barrier_t barrier;

static void *add_many(void *arg)
{
	(void)arg;
	errno = 4711;
	for (int i = 0; i < 20000; i++)
		rk_counter_add(counter, 1);
	if (errno != 4711)
		_exit(94);
	return NULL;
}

static void add_in_threads(int threads)
{
	pthread_t thread[8];

	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, add_many, NULL) != 0)
			_exit(98);
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
}

/*
 * Runs in a program that starts under a filter. No component could register the thread, and the library reports the
 * reason.
 */
static void without_from_the_start(enum rk_reason reason, int error)
{
	long value = 7;

	CHECK(process_info().reason == reason && process_info().owner == RK_OWNER_NONE && process_info().valid == 0);
	CHECK(rk_thread_owner() == RK_OWNER_NONE);
	CHECK(rk_thread_reason() == reason);
	CHECK(rk_thread_prepare() == -error);
	CHECK(rk_thread_register() == -error);
	CHECK(rk_thread_users() == 0);
	CHECK(rk_thread_area() == NULL);
	CHECK(rk_ktls_provider() == (reason == RK_REASON_LIBC_GAVE_UP ? RK_KTLS_LIBC : RK_KTLS_NONE));
	CHECK((rk_ktls_offset() == 0) == (rk_ktls_provider() == RK_KTLS_NONE));
	CHECK(rk_counter_create(&counter) == 0);
	add_in_threads(4);
	CHECK(process_info().reason == reason && process_info().owner == RK_OWNER_NONE);
	CHECK(rk_counter_sum(counter) == 80000);
	CHECK(rk_cpu() >= 0);
	CHECK(rk_cid() == -1);
	CHECK(rk_cpu_add(counter, 1) == RK_NO_RSEQ);
	CHECK(rk_cid_add(counter, 1) == RK_NO_RSEQ);
	CHECK(rk_at_add(counter, 1, 0) == RK_NO_RSEQ);
	CHECK(rk_cpu_load(counter, &value) == RK_NO_RSEQ && value == 0);
	CHECK(rk_counter_sum(counter) == 80000);
	_exit(0);
}

static void start_enosys(void)
{
	without_from_the_start(RK_REASON_NO_KERNEL, ENOSYS);
}

static void start_eperm(void)
{
	without_from_the_start(RK_REASON_BLOCKED, EPERM);
}

static void start_odd(void)
{
	without_from_the_start(RK_REASON_BLOCKED, EPERM);
}

/* The filter returns success without effect, and a libc believes that it has registered the thread. */
static void start_nothing(void)
{
	if (world_owner() == RK_OWNER_LIBC)
		without_from_the_start(RK_REASON_LIBC_GAVE_UP, ESRCH);
	without_from_the_start(RK_REASON_BLOCKED, EPERM);
}

/*
 * A new thread tries to register once. After that, the thread's operations make no system call, so a filter that kills doesn't
 * kill the thread.
 */
static void *ask_once(void *arg)
{
	(void)arg;
	rk_counter_add(counter, 1);
	if (!RK_HAVE_SECTIONS)
		(void)rk_thread_prepare(); /* because without sections no operation does */
	kill_most(0);
	for (int i = 0; i < 1000; i++) {
		rk_counter_add(counter, 1);
		(void)rk_thread_prepare();
		(void)rk_thread_register();
		(void)rk_thread_owner();
	}
	return NULL;
}

static void asks_once(void)
{
	pthread_t thread;

	CHECK(rk_counter_create(&counter) == 0);
	CHECK(pthread_create(&thread, NULL, ask_once, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(rk_counter_sum(counter) == 1001);
	_exit(0);
}

/*
 * The process installs the filter later. Registered threads stay registered. In the world `self` (test.h: this library
 * registers threads), threads that start after the filter work without rseq.
 */
static void *check_later(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	CHECK(rk_thread_prepare() == -EPERM);
	CHECK(rk_thread_reason() == RK_REASON_BLOCKED);
	/* Only this thread has this reason: other threads of the process are registered. */
	CHECK(process_info().reason == RK_REASON_NONE && process_info().owner == RK_OWNER_SELF);
	return add_many(NULL);
}

static bool sleeps(const char *thread)
{
	char path[64], state = 'S';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", thread);
	file = fopen(path, "re");
	if (file == NULL)
		return true; /* the thread has ended */
	(void)!fscanf(file, "%*d (%*[^)]) %c", &state);
	fclose(file);
	return state == 'S';
}

/* Waits until all other threads sleep. A thread that has just started doesn't sleep yet. */
static void wait_until_others_sleep(void)
{
	bool all_do;

	do {
		DIR *threads = opendir("/proc/self/task");

		CHECK(threads != NULL);
		all_do = true;
		for (struct dirent *entry = readdir(threads); entry != NULL; entry = readdir(threads))
			if (entry->d_name[0] != '.' && atoi(entry->d_name) != gettid())
				all_do = all_do && sleeps(entry->d_name);
		closedir(threads);
		usleep(100000);
	} while (!all_do);
}

static void without_later(void)
{
	pthread_t thread;

	CHECK(rk_counter_create(&counter) == 0);
	CHECK(rk_thread_owner() == RK_OWNER_SELF);
	pthread_barrier_init(&barrier, NULL, 2);
	CHECK(create_unregistered(&thread, check_later, NULL) == 0);
	pthread_barrier_wait(&barrier);
	if (THREAD_SANITIZED)
		wait_until_others_sleep(); /* after this call the sanitizer's own thread is registered */
	filter_calls(SYS_rseq, SYS_rseq, SECCOMP_RET_ERRNO | EPERM, SECCOMP_FILTER_FLAG_TSYNC);
	pthread_barrier_wait(&barrier);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(rk_thread_owner() == RK_OWNER_SELF);
	add_many(NULL);
	CHECK(rk_counter_sum(counter) == 40000);
	CHECK(*(int64_t *)rk_percpu_slot(counter, RK_INDEX_OVERFLOW) == (RK_HAVE_SECTIONS ? 20000 : 40000));
	_exit(0);
}

static void *prepare_then_add(void *arg)
{
	(void)arg;
	(void)rk_thread_prepare();
	pthread_barrier_wait(&barrier); /* all threads are prepared */
	pthread_barrier_wait(&barrier); /* the filter is installed */
	return add_many(NULL);
}

static void *wait_then_add(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return add_many(NULL);
}

/*
 * Each thread calls rk_thread_prepare(). Then one call installs, in all these threads, a filter that kills. The test shows that
 * the list of system calls in thread.h is complete.
 */
static void killed_if_it_asks(void)
{
	pthread_t thread[3];

	CHECK(rk_counter_create(&counter) == 0);
	CHECK(rk_process_init() == 0);
	pthread_barrier_init(&barrier, NULL, 4);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&thread[i], NULL, prepare_then_add, NULL) == 0);
	pthread_barrier_wait(&barrier);
	kill_most(SECCOMP_FILTER_FLAG_TSYNC);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	add_many(NULL);
	(void)rk_cpu();
	CHECK(rk_counter_reset(counter) == 80000);
	CHECK(rk_counter_sum(counter) == 0);
	_exit(0);
}

/* A thread that hasn't called rk_thread_prepare() is killed, so the filter of killed_if_it_asks() works. */
static void killed_unprepared(void)
{
	pthread_t thread;

	CHECK(rk_counter_create(&counter) == 0);
	pthread_barrier_init(&barrier, NULL, 2);
	CHECK(create_unregistered(&thread, wait_then_add, NULL) == 0);
	pthread_barrier_wait(&barrier);
	kill_most(SECCOMP_FILTER_FLAG_TSYNC);
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
	_exit(0);
}

#define ALLOWED (-1)

static const struct {
	const char *name;
	int refusal; /* errno of rseq(2) from the program's start; 0: success without effect; or ALLOWED */
	void (*run)(void);
} cases[] = {
	{"start-enosys", ENOSYS, start_enosys}, {"start-eperm", EPERM, start_eperm},
	{"start-odd", EACCES, start_odd},       {"start-busy", EBUSY, start_odd},
	{"start-nothing", 0, start_nothing},    {"asks-once", ENOSYS, asks_once},
	{"asks-once-busy", EBUSY, asks_once},   {"asks-once-nothing", 0, asks_once},
	{"later", ALLOWED, without_later},      {"prepared", ALLOWED, killed_if_it_asks},
	{"unprepared", ALLOWED, killed_unprepared},
};

/*
 * Starts this program again for one case, under the case's filter. Returns the program's exit status, or 128 + the
 * signal that ended it.
 */
static int run_case(const char *name)
{
	pid_t pid = fork();

	if (pid == 0) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			if (strcmp(cases[i].name, name) == 0 && cases[i].refusal != ALLOWED)
				refuse(SYS_rseq, SYS_rseq, cases[i].refusal);
		execl("/proc/self/exe", "test_norseq", name, (char *)NULL);
		_exit(96);
	}
	return exit_status_of(pid);
}

static void enosys_from_the_start(void **state)
{
	(void)state;
	assert_int_equal(run_case("start-enosys"), 0);
}

static void eperm_from_the_start(void **state)
{
	(void)state;
	assert_int_equal(run_case("start-eperm"), 0);
}

static void another_errno_from_the_start(void **state)
{
	(void)state;
	assert_int_equal(run_case("start-odd"), 0);
}

static void it_says_busy_from_the_start(void **state)
{
	(void)state;
	assert_int_equal(run_case("start-busy"), 0);
}

static void it_says_done_from_the_start(void **state)
{
	(void)state;
	if (sizeof(void *) < 8)
		SKIP("in a 32-bit process, old kernels give the same answer to the question for a registration");
	assert_int_equal(run_case("start-nothing"), 0);
}

static void eperm_later(void **state)
{
	(void)state;
	if (world_owner() != RK_OWNER_SELF)
		SKIP("the libc ends the process when it can't register a thread after the first");
	assert_int_equal(run_case("later"), 0);
}

static void no_system_call_after_the_first(void **state)
{
	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer makes system calls of its own");
	assert_int_equal(run_case("asks-once"), 0);
	assert_int_equal(run_case("asks-once-busy"), 0);
	assert_int_equal(run_case("asks-once-nothing"), 0);
}

static void prepared_for_a_filter_that_kills(void **state)
{
	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer makes system calls of its own");
	if (!world_has_rseq())
		SKIP("nothing to prepare without rseq");
	assert_int_equal(run_case("prepared"), 0);
	/* The unprepared thread is only killed if the library itself would have to register it. */
	assert_int_equal(run_case("unprepared"), RK_HAVE_SECTIONS && world_owner() == RK_OWNER_SELF ? 128 + SIGSYS : 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(enosys_from_the_start),          cmocka_unit_test(eperm_from_the_start),
	cmocka_unit_test(another_errno_from_the_start),   cmocka_unit_test(it_says_busy_from_the_start),
	cmocka_unit_test(it_says_done_from_the_start),    cmocka_unit_test(eperm_later),
	cmocka_unit_test(no_system_call_after_the_first), cmocka_unit_test(prepared_for_a_filter_that_kills),
};

int main(int argc, char **argv)
{
	alarm(TEST_SECONDS);
	for (size_t i = 0; argc == 2 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(argv[1], cases[i].name) == 0)
			cases[i].run();
	if (argc > 1)
		return 95;
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
