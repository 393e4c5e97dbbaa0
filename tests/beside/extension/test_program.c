/* SPDX-License-Identifier: MIT */
/*
 * test_program.c - a program that is built against the headers of one release, and runs with the library of another release.
 * Fields that both releases know must be right. A field that only one release knows must be left alone or reported as absent.
 *
 * HEADER says which release the headers are of. LIBRARY in the environment says which release the library is of. The files
 * *.changes describe the releases.
 */
#define _GNU_SOURCE
#include "test.h"
#include <sched.h>

#define EARLIEST 0
#define EARLIER 1
#define NOW 2
#define LATER 3

/* rk_process_query() fills the caller's structure, with 0 for fields that it doesn't know, and writes nothing after it. */
static void size_is_negotiated(void **state)
{
	struct {
		struct rk_process_info info;
		unsigned char after[256];
	} asked;

	(void)state;
	memset(&asked, 0xa5, sizeof(asked));
	assert_int_equal(rk_process_query(&asked.info, sizeof(asked.info)), 0);
	for (size_t i = 0; i < sizeof(asked.after); i++)
		assert_int_equal(asked.after[i], 0xa5);
	assert_int_equal(asked.info.owner, world_owner());
	assert_int_equal(asked.info.offset, rk_area_offset);
	assert_int_equal(asked.info.length, RK_AREA_LENGTH_ORIGINAL);
#if HEADER >= EARLIER
	assert_int_equal(asked.info.valid, rk_area_valid);
	assert_true(asked.info.feature_size >= RK_FEATURE_SIZE_ORIGINAL);
	assert_true(asked.info.alignment >= RK_AREA_LENGTH_ORIGINAL);
	assert_true(asked.info.valid <= asked.info.feature_size);
#endif
#if HEADER >= NOW
	/* The libraries of other releases are built to use their own areas. */
	assert_int_equal(asked.info.libc_area,
			 strcmp(getenv("LIBRARY"), "now") == 0 && strcmp(getenv("LIBC_AREA"), "true") == 0);
	assert_int_equal(asked.info.libc_registers, strcmp(getenv("WORLD"), "libc") == 0);
#endif
#if HEADER >= LATER
	assert_int_equal(asked.info.later, strcmp(getenv("LIBRARY"), "later") == 0 ? 4711 : 0);
#endif
}

/* A field of the area that the library reports as valid has the kernel's value. Every other field is reported as not valid. */
static void fields_are_valid_or_said_not_to_be(void **state)
{
	const volatile struct rk_area *area = rk_thread_area();
	unsigned cpu, node;
	cpu_set_t one, before;

	(void)state;
	assert_non_null(area);
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	for (cpu = 0; !CPU_ISSET(cpu, &before); cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(syscall(SYS_getcpu, &cpu, &node, NULL), 0);
	assert_int_equal(area->cpu_id, cpu);
	assert_int_equal(area->cpu_id_start, cpu);
	assert_int_equal(rk_cpu(), cpu);
	assert_true(rk_area_valid >= RK_FIELD_END_RSEQ_CS);
#if HEADER >= EARLIER
	if (rk_area_valid >= RK_FIELD_END_NODE_ID)
		assert_int_equal(area->node_id, node);
	/* This thread is the only one, so its concurrency id is 0. */
	if (rk_area_valid >= RK_FIELD_END_MM_CID)
		assert_int_equal(area->mm_cid, 0);
	assert_int_equal(rk_cid(), rk_area_valid >= RK_FIELD_END_MM_CID ? 0 : -1);
#endif
#if HEADER >= NOW
	/* A registered length of 32 excludes this field, whatever the kernel has. */
	assert_true(rk_area_valid < RK_FIELD_END_SLICE_CTRL);
#endif
#if HEADER >= LATER
	assert_true(rk_area_valid < RK_FIELD_END_LATER);
#endif
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

static struct rk_counter *counter;

static void *count(void *arg)
{
	for (int i = 0; i < 1000; i++)
		rk_counter_add(counter, 1);
	if (rk_thread_prepare() != 0 || !kernel_says_registered(rk_thread_area(), RK_AREA_LENGTH_ORIGINAL))
		abort();
	return arg;
}

static void counters_are_exact(void **state)
{
	int threads = (int)ROUNDS(2000) / 4 * 4;

	(void)state;
	assert_int_equal(rk_counter_create(&counter), 0);
	for (int i = 0; i < threads; i += 4) {
		pthread_t batch[4];

		for (int k = 0; k < 4; k++)
			assert_int_equal(pthread_create(&batch[k], NULL, count, NULL), 0);
		for (int k = 0; k < 4; k++)
			pthread_join(batch[k], NULL);
	}
	assert_int_equal(rk_counter_sum(counter), 1000 * threads);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

static void users_are_counted(void **state)
{
	(void)state;
	assert_int_equal(rk_thread_register(), 0);
	assert_int_equal(rk_thread_users(), 1);
	assert_int_equal(rk_vfork_begin(), 0);
	assert_int_equal(rk_thread_reason(), RK_REASON_VFORK);
	assert_int_equal(rk_vfork_end(), 0);
	assert_int_equal(rk_thread_owner(), world_owner());
	assert_int_equal(rk_thread_unregister(), 0);
	assert_int_equal(rk_thread_unregister(), -EINVAL);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(size_is_negotiated),
	cmocka_unit_test(fields_are_valid_or_said_not_to_be),
	cmocka_unit_test(counters_are_exact),
	cmocka_unit_test(users_are_counted),
};

RUN(tests)
