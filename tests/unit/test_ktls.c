/* SPDX-License-Identifier: MIT */
/*
 * Tests KTLS: a block of data (the blob) that the kernel maintains for each thread, with the thread's area in it. The functions
 * of ktls.h also work on kernels without KTLS. The tests check which component provides the data, where the blob is, and the
 * functions that read it, in threads, handlers and children. To run this test in the world `kernel` (test.h), use rseqkit exec
 * --ktls on a kernel that has the patches in kernel/.
 */
#include "test.h"
#include <sched.h>
#include <sys/auxv.h>
#include "../../src/thread/ktls/ktls.h"
#include "../../src/os/vdso.h"

#ifdef __GLIBC__
#define GLIBC 1
#else
#define GLIBC 0
#endif

static enum rk_ktls expected_provider(void)
{
	switch (world_owner()) {
	case RK_OWNER_KERNEL:
		return RK_KTLS_KERNEL;
	case RK_OWNER_LIBC:
		return RK_KTLS_LIBC;
	case RK_OWNER_SELF:
		return RK_SIGNATURE != 0 ? RK_KTLS_LIBRARY : RK_KTLS_NONE;
	default:
		return RK_KTLS_NONE;
	}
}

static void says_who_provides_it(void **state)
{
	(void)state;
	assert_int_equal(rk_ktls_provider(), expected_provider());
	assert_int_equal(rk_process_init() == 0, expected_provider() != RK_KTLS_NONE);
	assert_string_equal(rk_ktls_name(RK_KTLS_NONE), "none");
	assert_string_equal(rk_ktls_name(RK_KTLS_KERNEL), "kernel");
	assert_string_equal(rk_ktls_name(RK_KTLS_LIBC), "libc");
	assert_string_equal(rk_ktls_name(RK_KTLS_LIBRARY), "library");
	assert_string_equal(rk_ktls_name(RK_KTLS_OTHERS), "others");
	assert_string_equal(rk_ktls_name((enum rk_ktls)77), "unknown");
}

static void tells_the_layout(void **state)
{
	struct rk_ktls_layout layout, part;
	struct {
		struct rk_ktls_layout known;
		uint64_t more;
	} larger = {.more = 1};

	(void)state;
	assert_int_equal(rk_ktls_query(NULL, sizeof(layout)), -EINVAL);
	assert_int_equal(rk_ktls_query(&layout, 0), -EINVAL);
	if (expected_provider() == RK_KTLS_NONE) {
		assert_int_equal(rk_ktls_query(&layout, sizeof(layout)), -ENXIO);
		assert_int_equal(rk_ktls_offset(), 0);
		return;
	}
	assert_int_equal(rk_ktls_query(&layout, sizeof(layout)), 0);
	/* The area in the blob is the area that the library uses. */
	assert_int_equal(rk_ktls_offset() + (ptrdiff_t)layout.rseq_offset, rk_area_offset);
	assert_true(layout.size >= layout.rseq_offset + process_info().length);
	assert_true(layout.alignment >= RK_AREA_LENGTH_ORIGINAL);
	assert_int_equal(((uintptr_t)rk_thread_pointer() + (uintptr_t)rk_area_offset) % layout.alignment, 0);
	if (expected_provider() == RK_KTLS_KERNEL) {
		struct rk_ktls_layout told;

		assert_int_equal(rk_ktls_query_kernel(&told, sizeof(told)), 0);
		assert_memory_equal(&layout, &told, sizeof(told));
		assert_int_equal(layout.rseq_offset > 0, 1);
		assert_int_equal(process_info().length, getauxval(27 /* AT_RSEQ_FEATURE_SIZE */));
	} else {
		assert_int_equal(layout.rseq_offset, 0);
	}
	part.alignment = 4711;
	assert_int_equal(rk_ktls_query(&part, sizeof(part.size)), 0);
	assert_int_equal(part.size, layout.size);
	assert_int_equal(part.alignment, 4711);
	assert_int_equal(rk_ktls_query(&larger.known, sizeof(larger)), 0);
	assert_int_equal(larger.more, 0);
}

/* This test works with any provider. If the kernel has no KTLS, rk_ktls_query_kernel() writes nothing. */
static void tells_what_the_kernel_could_do(void **state)
{
	struct rk_ktls_layout raw = {0}, layout = {.size = 4711}, none = layout;
	bool has = syscall(quiet_rseq(), &raw, sizeof(raw), 1 << 2, 1) == 0;
	int r = rk_ktls_query_kernel(&layout, sizeof(layout));

	(void)state;
	assert_int_equal(rk_ktls_query_kernel(NULL, sizeof(layout)), -EINVAL);
	assert_int_equal(rk_ktls_query_kernel(&layout, 0), -EINVAL);
	if (has) {
		assert_int_equal(r, GLIBC ? 0 : -ENOTSUP);
		assert_memory_equal(&layout, &raw, sizeof(raw));
		layout.alignment = 4711;
		assert_int_equal(rk_ktls_query_kernel(&layout, sizeof(layout.size)), r);
		assert_int_equal(layout.alignment, 4711);
	} else {
		assert_int_equal(r, errno == EPERM ? -EPERM : -ENXIO);
		assert_memory_equal(&layout, &none, sizeof(none));
	}
}

/*
 * Checks the functions that read the blob in the calling thread. Binds the thread to one CPU after another, so that the
 * right answer is known.
 */
static int judge(void)
{
	ptrdiff_t offset = rk_ktls_offset();
	cpu_set_t before, one;

	CHECK(rk_ktls_tid(offset) == (int)syscall(SYS_gettid));
	CHECK(sched_getaffinity(0, sizeof(before), &before) == 0);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &before))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		CHECK(sched_setaffinity(0, sizeof(one), &one) == 0);
		CHECK(rk_ktls_cpu(offset) == cpu);
	}
	CHECK(sched_setaffinity(0, sizeof(before), &before) == 0);
	CHECK(rk_ktls_tid(offset) == (int)syscall(SYS_gettid));
	return 0;
}

static void *judge_thread(void *arg)
{
	(void)arg;
	/* The kernel has registered the thread before the thread's first call. */
	if (world_owner() == RK_OWNER_KERNEL)
		CHECK(rk_thread_owner() == RK_OWNER_KERNEL && kernel_says_registered(area_here(), process_info().length));
	(void)judge();
	return NULL;
}

static void tells_each_thread_of_itself(void **state)
{
	pthread_t threads[4];

	(void)state;
	assert_int_equal(judge(), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, judge_thread, NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void tells_children_of_themselves(void **state)
{
	volatile int tid = 0, cpu = -1;
	ptrdiff_t offset = rk_ktls_offset();
	int own = rk_ktls_tid(offset);
	pid_t pid;

	(void)state;
	assert_int_equal(in_child(judge), 0);
	assert_int_equal(judge(), 0);
	/* A vfork child gets its own thread id. If the kernel maintains the data, the child also gets its CPU. */
	pid = vfork();
	if (pid == 0) {
		tid = rk_ktls_tid(offset);
		cpu = world_owner() == RK_OWNER_KERNEL ? rk_ktls_cpu(offset) : 0;
		_exit(0);
	}
	assert_int_equal(exit_status_of(pid), 0);
	if (!THREAD_SANITIZED)
		assert_int_equal(tid, pid);
	if (!THREAD_SANITIZED)
		assert_true(cpu >= 0);
	assert_int_equal(rk_ktls_tid(offset), own);
	assert_int_equal(judge(), 0);
}

static volatile sig_atomic_t told, is;

static void ask(int number)
{
	(void)number;
	told = rk_ktls_tid(rk_ktls_offset());
	is = rk_ktls_cpu(rk_ktls_offset()) >= 0;
}

static void answers_in_handlers(void **state)
{
	(void)state;
	assert_true(signal(SIGUSR1, ask) != SIG_ERR);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(told, (int)syscall(SYS_gettid));
	assert_true(is);
}

/*
 * A thread that undid its registration still gets right answers. In the world `kernel`, the library then asks the kernel
 * to register the thread again.
 */
static void *undo(void *arg)
{
	struct rk_process_info info = process_info();

	(void)arg;
	if (world_owner() == RK_OWNER_KERNEL)
		CHECK(syscall(quiet_rseq(), area_here(), info.length, 1, RK_SIGNATURE) == 0 && !kernel_says_any());
	(void)judge();
	if (world_owner() == RK_OWNER_KERNEL)
		CHECK(kernel_says_registered(area_here(), info.length) && rk_thread_owner() == RK_OWNER_KERNEL);
	/* After rk_vfork_begin() and rk_vfork_end(), the answers are still right. */
	if (world_owner() == RK_OWNER_KERNEL)
		CHECK(rk_vfork_begin() == 0 && !kernel_says_any() && rk_vfork_end() == 0);
	(void)judge();
	if (world_owner() == RK_OWNER_KERNEL) {
		uint32_t (*read_tid)(long) = (uint32_t(*)(long))(uintptr_t)rk_vdso_find(
			sizeof(long) == 8 && RK_SIGNATURE == 0x53053053 ? "__vdso_rseq_ktls_tid" : "__kernel_rseq_ktls_tid");

		CHECK(read_tid != NULL && read_tid(rk_ktls_offset()) == (uint32_t)syscall(SYS_gettid));
	}
	return NULL;
}

static void comes_back_after_unregistering(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, undo, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

/* Registers a private area, which no component should do. */
static void *go_elsewhere(void *arg)
{
	static char area[256] __attribute__((__aligned__(64)));
	struct rk_process_info info = process_info();

	(void)arg;
	CHECK(syscall(quiet_rseq(), area_here(), info.length, 1, RK_SIGNATURE) == 0);
	CHECK(syscall(quiet_rseq(), area, info.length, 0, RK_SIGNATURE) == 0);
	CHECK(rk_thread_prepare() == -EBUSY && rk_thread_owner() == RK_OWNER_FOREIGN);
	CHECK(rk_ktls_tid(rk_ktls_offset()) == (int)syscall(SYS_gettid));
	CHECK(syscall(quiet_rseq(), area, info.length, 1, RK_SIGNATURE) == 0);
	return NULL;
}

/* In the world `kernel`, if one thread registers a private area, the kernel still registers all other threads. */
static void a_private_area_is_one_threads_own_affair(void **state)
{
	ptrdiff_t offset = rk_ktls_offset();
	pthread_t thread;

	(void)state;
	if (world_owner() != RK_OWNER_KERNEL)
		SKIP("the kernel doesn't register the threads of this process");
	assert_int_equal(pthread_create(&thread, NULL, go_elsewhere, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(rk_ktls_provider(), RK_KTLS_KERNEL);
	assert_int_equal(rk_ktls_offset(), offset);
	tells_each_thread_of_itself(NULL);
}

static void finds_functions_of_the_vdso(void **state)
{
	typedef int get_time(clockid_t, struct timespec *);
	static const char *const names[] = {"__vdso_clock_gettime", "__kernel_clock_gettime"};
	void *found = NULL;
	struct timespec time = {0};

	(void)state;
	assert_null(rk_vdso_find("__vdso_no_such_function"));
	assert_null(rk_vdso_find(""));
	if (getauxval(33 /* AT_SYSINFO_EHDR */) == 0)
		SKIP("no vDSO here");
	for (size_t i = 0; found == NULL && i < sizeof(names) / sizeof(names[0]); i++)
		found = rk_vdso_find(names[i]);
	assert_non_null(found);
	assert_int_equal(((get_time *)(uintptr_t)found)(CLOCK_MONOTONIC, &time), 0);
	assert_true(time.tv_sec > 0 || time.tv_nsec > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_who_provides_it),
		cmocka_unit_test(tells_the_layout),
		cmocka_unit_test(tells_what_the_kernel_could_do),
		cmocka_unit_test(tells_each_thread_of_itself),
		cmocka_unit_test(tells_children_of_themselves),
		cmocka_unit_test(answers_in_handlers),
		cmocka_unit_test(comes_back_after_unregistering),
		cmocka_unit_test(a_private_area_is_one_threads_own_affair),
		cmocka_unit_test(finds_functions_of_the_vdso),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
