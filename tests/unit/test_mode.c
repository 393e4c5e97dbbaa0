/* SPDX-License-Identifier: MIT */
/*
 * Tests lengths of areas. If the kernel announces a feature size above 32, each area of this library has this size, in
 * every thread, however the thread is registered. The condition is that such an area fits this library's TLS. Other areas
 * have 32 bytes. An area with the whole feature size is in optimised mode. In this mode, the kernel kills a thread that
 * stored to a kernel-owned field.
 */
#include "test.h"
#include <rseqkit/detail/agreement.h>
#include <sched.h>
#include <sys/auxv.h>
#ifdef __GLIBC__
#include <sys/rseq.h>
#endif

static uint32_t feature_size(void)
{
	unsigned long size = getauxval(27 /* AT_RSEQ_FEATURE_SIZE */);

	return size == 0 ? RK_FEATURE_SIZE_ORIGINAL : (uint32_t)size;
}

/*
 * Returns true if the area isn't the libc's. Possible reasons: the libc has none, the kernel registers threads, or
 * the program was started with RSEQKIT_AREA=own.
 */
static bool is_own(void)
{
	const char *choice = getenv("RSEQKIT_AREA");

	return !process_info().libc_area || world_owner() == RK_OWNER_KERNEL ||
	       (choice != NULL && strcmp(choice, "own") == 0);
}

/*
 * Returns true if an area of the kernel's size and alignment fits this library's TLS, struct rk_thread_block. This block is
 * aligned to 64 bytes.
 */
static bool fits_the_block(void)
{
	unsigned long alignment = getauxval(28 /* AT_RSEQ_ALIGN */);

	return feature_size() <= sizeof(((struct rk_thread_block *)NULL)->u.room) &&
	       alignment <= 64;
}

/*
 * With glibc, returns true if the library uses another area than the libc's, and the libc's area is unused. With
 * other C libraries, always returns true.
 */
static bool libc_is_left_alone(void)
{
#ifdef __GLIBC__
	const volatile struct rk_area *area = area_here();
	ptrdiff_t from_ours = __rseq_offset - process_info().offset;

	area = (const volatile struct rk_area *)((const volatile char *)area + from_ours);
	return from_ours != 0 && (int32_t)area->cpu_id == RK_CPU_ID_REGISTRATION_FAILED;
#else
	return true;
#endif
}

/* Checks the calling thread's registration. Returns 0. */
static int judge(void)
{
	struct rk_process_info info = process_info();
	uint32_t full = feature_size() > RK_AREA_LENGTH_ORIGINAL && fits_the_block() ? feature_size() : 32;

	CHECK(rk_thread_prepare() == 0);
	CHECK(is_own() == (!info.libc_area || libc_is_left_alone()));
	CHECK(info.length == (is_own() ? full : 32));
	CHECK(rk_area_valid == (info.length > 32 ? info.length : feature_size() < 28 ? feature_size() : 28));
	CHECK(kernel_says_registered(rk_thread_area(), info.length));
	CHECK((uintptr_t)rk_thread_area() % (info.length > 32 ? getauxval(28) : 32) == 0);
	return 0;
}

static void *judge_thread(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)judge();
}

static int in_thread(int (*create)(pthread_t *, void *(*)(void *), void *))
{
	pthread_t thread;
	void *result;

	CHECK(create(&thread, judge_thread, NULL) == 0);
	CHECK(pthread_join(thread, &result) == 0);
	return (int)(intptr_t)result;
}

static int create_usual(pthread_t *thread, void *(*run)(void *), void *arg)
{
	return pthread_create(thread, NULL, run, arg);
}

static int judge_child(void)
{
	CHECK(judge() == 0 && in_thread(create_usual) == 0);
	CHECK(rk_vfork_begin() == 0 && !kernel_says_any() && rk_vfork_end() == 0);
	return judge();
}

static void one_length_everywhere(void **state)
{
	(void)state;
	if (world_owner() != RK_OWNER_SELF)
		SKIP("this library registers no threads here");
	assert_int_equal(judge(), 0);
	assert_int_equal(in_thread(create_usual), 0);
	assert_int_equal(in_thread(create_unregistered), 0);
	assert_int_equal(in_child(judge_child), 0);
	assert_int_equal(rk_vfork_begin(), 0);
	assert_int_equal(rk_vfork_end(), 0);
	assert_int_equal(judge(), 0);
	printf("# feature size %u, registered with %u\n", feature_size(), process_info().length);
}

static unsigned char room[4096] __attribute__((__aligned__(4096)));

/* Moves the thread to each CPU, so that it moves to another CPU at least once. */
static void migrate(void)
{
	for (int cpu = rk_cpus_next(-1); cpu >= 0 && cpu < CPU_SETSIZE; cpu = rk_cpus_next(cpu)) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		(void)sched_setaffinity(0, sizeof(set), &set);
	}
}

/*
 * Registers `room` as an area of the whole feature size. Then does what no component should do: stores to the word at `offset`
 * in the area. If `offset` is negative, there is no store.
 */
static int store_junk(int offset)
{
	signal(SIGSEGV, SIG_DFL); /* replaces cmocka's handler */
	if (kernel_says_any())
		CHECK(syscall(quiet_rseq(), area_here(), process_info().length, 1, RK_SIGNATURE) == 0);
	migrate();
	CHECK(syscall(quiet_rseq(), room, feature_size(), 0, RK_SIGNATURE) == 0);
	if (offset >= 0)
		*(volatile uint32_t *)(void *)(room + offset) = 0x12345678;
	migrate();
	return 0;
}

/*
 * A vfork child registers its parent's area for itself, which no component should do. Legacy mode allows this. In
 * optimised mode, the kernel compares words of the area when the parent runs. But the kernel has overwritten these
 * words with the child's ids, from another CPU.
 */
static int register_in_vfork_child(void)
{
	pid_t pid;

	CHECK(store_junk(-1) == 0);
	pid = vfork();
	if (pid == 0) {
		migrate();
		_exit(syscall(quiet_rseq(), room, feature_size(), 0, RK_SIGNATURE) != 0);
	}
	CHECK(exit_status_of(pid) == 0);
	migrate();
	return 0;
}

static bool can_migrate(void)
{
	cpu_set_t allowed;

	return sched_getaffinity(0, sizeof(allowed), &allowed) == 0 && CPU_COUNT(&allowed) >= 2;
}

#define NEEDS_OPTIMISED_MODE()                                                                                         \
	do {                                                                                                           \
		if (feature_size() <= RK_AREA_LENGTH_ORIGINAL)                                                         \
			SKIP("this kernel offers 32 bytes or less: it has no optimised mode");                         \
		if (!world_has_rseq())                                                                                 \
			SKIP("the thread's registration isn't ours to undo");                                          \
		if (!can_migrate())                                                                                    \
			SKIP("this test needs two CPUs");                                                          \
	} while (0)

static void a_vfork_child_that_registers_kills_its_parent(void **state)
{
	(void)state;
	NEEDS_OPTIMISED_MODE();
	NEEDS_VFORK();
	assert_int_equal(in_child(register_in_vfork_child), 128 + SIGSEGV);
}

static void a_store_to_a_kernel_owned_field_kills(void **state)
{
	static const int kernels[] = {offsetof(struct rk_area, cpu_id_start), offsetof(struct rk_area, cpu_id),
				      offsetof(struct rk_area, node_id), offsetof(struct rk_area, mm_cid)};

	(void)state;
	NEEDS_OPTIMISED_MODE();
	assert_int_equal(in_child_with(store_junk, -1), 0);
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
		assert_int_equal(in_child_with(store_junk, kernels[i]), 128 + SIGSEGV);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(one_length_everywhere),
	cmocka_unit_test(a_store_to_a_kernel_owned_field_kills),
	cmocka_unit_test(a_vfork_child_that_registers_kills_its_parent),
};

RUN(tests)
