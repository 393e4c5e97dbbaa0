/* SPDX-License-Identifier: MIT */
/*
 * Tests the registration of threads that the libc creates: owners, queries, counts of users, and ten thousand
 * short-lived threads. The tests ask both the kernel and the library.
 */
#include "test.h"

static int64_t overflow_of(const struct rk_counter *counter)
{
	return *(int64_t *)rk_percpu_slot(counter, RK_INDEX_OVERFLOW);
}

/* In every world (test.h) that has rseq, the initial thread is registered from the start of the process. */
static void initial_thread_is_registered(void **state)
{
	struct rk_process_info info = process_info();

	(void)state;
	assert_int_equal(rk_thread_owner(), world_owner());
	if (world_has_rseq()) {
		assert_int_equal(rk_thread_reason(), RK_REASON_NONE);
		assert_non_null(rk_thread_area());
		assert_true(kernel_says_registered(rk_thread_area(), info.length));
		assert_int_equal(rk_process_init(), 0);
		assert_int_equal(info.owner, world_owner());
	} else {
		assert_null(rk_thread_area());
		assert_int_not_equal(rk_thread_reason(), RK_REASON_NONE);
		assert_true(rk_process_init() < 0);
	}
}

static void facts_of_the_process(void **state)
{
	struct rk_process_info info;
	char small[sizeof(info.owner)];
	struct {
		struct rk_process_info info;
		uint64_t later;
	} large;

	(void)state;
	assert_int_equal(rk_process_query(NULL, sizeof(info)), -EINVAL);
	assert_int_equal(rk_process_query(&info, 0), -EINVAL);
	/*
	 * One caller's header has a smaller structure than the library's, and another caller's header has a larger
	 * one.
	 */
	assert_int_equal(rk_process_query((struct rk_process_info *)(void *)small, sizeof(small)), 0);
	large.later = 1;
	assert_int_equal(rk_process_query(&large.info, sizeof(large)), 0);
	assert_int_equal(large.later, 0);
	info = process_info();
	assert_memory_equal(&large.info, &info, sizeof(info));
	assert_memory_equal(small, &info, sizeof(small));
	assert_true(info.feature_size >= RK_FEATURE_SIZE_ORIGINAL);
	assert_true(info.alignment >= RK_AREA_LENGTH_ORIGINAL);
	assert_int_equal(info.offset, rk_area_offset);
	if (world_has_rseq()) {
		assert_int_equal(info.valid, rk_area_valid);
		assert_true(info.length >= RK_AREA_LENGTH_ORIGINAL);
		/* A registered length of 32 never makes more than 28 bytes of fields valid. */
		assert_true(info.length > 32 || info.valid <= 28);
		assert_true(info.valid <= info.feature_size);
	}
}

static void counts_nest(void **state)
{
	(void)state;
	assert_int_equal(rk_thread_users(), 0);
	assert_int_equal(rk_thread_unregister(), -EINVAL);
	if (!world_has_rseq()) {
		assert_true(rk_thread_register() < 0);
		assert_int_equal(rk_thread_users(), 0);
		return;
	}
	for (uint32_t i = 1; i <= 1000; i++) {
		assert_int_equal(rk_thread_register(), 0);
		assert_int_equal(rk_thread_users(), i);
	}
	for (uint32_t i = 1000; i > 0; i--) {
		assert_int_equal(rk_thread_unregister(), 0);
		assert_int_equal(rk_thread_users(), i - 1);
	}
	assert_int_equal(rk_thread_unregister(), -EINVAL);
	/* When the last user unregisters, the thread still stays registered. */
	assert_non_null(rk_thread_area());
}

struct seen {
	enum rk_owner before, after;
	enum rk_reason reason_before;
	uint32_t users;
	bool kernel_before, kernel_after, errno_kept;
	int unbalanced;
};

static void *look_then_operate(void *arg)
{
	struct seen *seen = arg;
	struct rk_counter *counter;

	if (rk_counter_create(&counter) != 0)
		abort();
	seen->before = rk_thread_owner();
	seen->reason_before = rk_thread_reason();
	seen->kernel_before = kernel_says_any();
	errno = 4711;
	rki_counter_add_slow(counter, 1, RK_ABORTED); /* in every build, a thread's first operation calls this */
	(void)rk_thread_prepare();
	seen->errno_kept = errno == 4711;
	seen->after = rk_thread_owner();
	seen->users = rk_thread_users();
	seen->unbalanced = rk_thread_unregister();
	seen->kernel_after = kernel_says_registered(area_here(), process_info().length);
	(void)rk_counter_destroy(counter);
	return NULL;
}

/* Queries register no thread. The thread's first operation registers it, but counts no user, as rk_thread_register() does. */
static void first_operation_registers(void **state)
{
	struct seen seen;
	pthread_t thread;

	(void)state;
	if (world_owner() == RK_OWNER_SELF)
		assert_int_equal(create_unregistered(&thread, look_then_operate, &seen), 0);
	else
		assert_int_equal(pthread_create(&thread, NULL, look_then_operate, &seen), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(seen.after, world_owner());
	assert_true(seen.errno_kept);
	assert_int_equal(seen.users, 0);
	assert_int_equal(seen.unbalanced, -EINVAL);
	if (world_owner() == RK_OWNER_SELF) {
		assert_int_equal(seen.before, RK_OWNER_NONE);
		assert_int_equal(seen.reason_before, RK_REASON_NOT_YET);
		assert_false(seen.kernel_before);
	}
	assert_int_equal(seen.kernel_after, world_has_rseq());
}

static void *ask_for_the_id(void *arg)
{
	*(int *)arg = rk_cid();
	return NULL;
}

/* Reading the concurrency id registers the thread, as any other operation does. */
static void concurrency_id_registers(void **state)
{
	pthread_t thread;
	int id = -2;

	(void)state;
	if (world_owner() != RK_OWNER_SELF || !RK_HAVE_SECTIONS || rk_area_valid < RK_FIELD_END_MM_CID)
		SKIP("only where this library registers threads, on a kernel with the field");
	assert_int_equal(create_unregistered(&thread, ask_for_the_id, &id), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(id >= 0);
}

static struct rk_counter *shared;

static void *add_ten(void *arg)
{
	bool *right = arg;

	for (int i = 0; i < 10; i++)
		rk_counter_add(shared, 1);
	if (WITH_RSEQ())
		__atomic_store_n(right, *right && kernel_says_registered(rk_thread_area(), process_info().length), __ATOMIC_RELAXED);
	return NULL;
}

static int finished;

static void *add_ten_detached(void *arg)
{
	add_ten(arg);
	__atomic_fetch_add(&finished, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void ten_thousand_threads(void **state)
{
	const int threads = (int)ROUNDS(10000) / 8 * 8;
	bool right = true;
	pthread_attr_t detached;

	(void)state;
	assert_int_equal(rk_counter_create(&shared), 0);
	for (int i = 0; i < threads; i += 8) {
		pthread_t batch[8];

		for (int k = 0; k < 8; k++)
			assert_int_equal(pthread_create(&batch[k], NULL, add_ten, &right), 0);
		for (int k = 0; k < 8; k++)
			assert_int_equal(pthread_join(batch[k], NULL), 0);
	}
	assert_int_equal(rk_counter_sum(shared), 10 * (int64_t)threads);

	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < threads; i++) {
		pthread_t thread;

		while (pthread_create(&thread, &detached, add_ten_detached, &right) == EAGAIN)
			usleep(1000);
		while (i - __atomic_load_n(&finished, __ATOMIC_ACQUIRE) > 50)
			sched_yield();
	}
	while (__atomic_load_n(&finished, __ATOMIC_ACQUIRE) < threads)
		usleep(1000);
	pthread_attr_destroy(&detached);
	assert_int_equal(rk_counter_sum(shared), 20 * (int64_t)threads);
	assert_true(right);
	/* If rseq works, these adds don't use the overflow slot, which is the counter's memory for threads without rseq. */
	if (WITH_RSEQ())
		assert_int_equal(overflow_of(shared), 0);
	else
		assert_int_equal(overflow_of(shared), 20 * (int64_t)threads);
	assert_int_equal(rk_counter_destroy(shared), 0);
}

static void texts_cover_everything(void **state)
{
	char version[16];

	(void)state;
	for (int reason = RK_REASON_NONE; reason <= RK_REASON_TOLD; reason++)
		assert_string_not_equal(rk_reason_text((enum rk_reason)reason), "unknown");
	assert_string_equal(rk_reason_text((enum rk_reason)(RK_REASON_TOLD + 1)), "unknown");
	assert_string_equal(rk_reason_text((enum rk_reason)99), "unknown");
	assert_string_equal(rk_owner_name(RK_OWNER_NONE), "none");
	assert_string_equal(rk_owner_name(RK_OWNER_LIBC), "libc");
	assert_string_equal(rk_owner_name(RK_OWNER_SELF), "self");
	assert_string_equal(rk_owner_name(RK_OWNER_EARLY), "early");
	assert_string_equal(rk_owner_name(RK_OWNER_FOREIGN), "foreign");
	assert_string_equal(rk_owner_name(RK_OWNER_LIBRSEQ), "librseq");
	assert_string_equal(rk_owner_name(RK_OWNER_KERNEL), "kernel");
	assert_string_equal(rk_owner_name((enum rk_owner)99), "unknown");
	snprintf(version, sizeof(version), "%d.%d.%d", RK_VERSION_MAJOR, RK_VERSION_MINOR, RK_VERSION_PATCH);
	assert_string_equal(rk_version(), version);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(initial_thread_is_registered), cmocka_unit_test(facts_of_the_process),
	cmocka_unit_test(counts_nest),                  cmocka_unit_test(first_operation_registers),
	cmocka_unit_test(concurrency_id_registers), cmocka_unit_test(ten_thousand_threads),
        cmocka_unit_test(texts_cover_everything),
};

RUN(tests)
