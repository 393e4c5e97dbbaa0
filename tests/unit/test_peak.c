/* SPDX-License-Identifier: MIT */
/*
 * Tests peaks and levels: values, resets, static peaks; and that no record is lost while threads record and another thread
 * resets.
 */
#include "refuse.h"

#include <sys/resource.h>

#define THREADS 4
#define RESETS 4096
#define USES 3

static int cpus_asked; /* how often the library asked the C library for the number of the CPU */

int sched_getcpu(void)
{
	unsigned cpu = 0;

	cpus_asked++;
	return syscall(SYS_getcpu, &cpu, NULL, NULL) != 0 ? -1 : (int)cpu;
}

static struct rk_peak *peak;

static int64_t max_of(struct rk_peak *from)
{
	int64_t value = 77;
	int r = rk_peak_max(from, &value);

	assert_true(r == 0 || (r == -ENODATA && value == 77));
	return r == 0 ? value : INT64_MIN;
}

static int64_t min_of(struct rk_peak *from)
{
	int64_t value = 77;
	int r = rk_peak_min(from, &value);

	assert_true(r == 0 || (r == -ENODATA && value == 77));
	return r == 0 ? value : INT64_MAX;
}

static void values(void **state)
{
	static const int64_t all[] = {0, -1, 1, -5, 1000, INT64_MAX, INT64_MIN, 5};
	int64_t highest = INT64_MIN, lowest = INT64_MAX, value;

	(void)state;
	assert_int_equal(rk_peak_create(&peak), 0);
	assert_int_equal(max_of(peak), INT64_MIN);
	assert_int_equal(rk_peak_max_reset(peak, &value), -ENODATA);
	assert_int_equal(rk_peak_min_reset(peak, &value), -ENODATA);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		rk_peak_record_max(peak, all[i]);
		rk_peak_record_min(peak, all[i]);
		highest = all[i] > highest ? all[i] : highest;
		lowest = all[i] < lowest ? all[i] : lowest;
		assert_int_equal(max_of(peak), highest);
		assert_int_equal(min_of(peak), lowest > INT64_MIN ? lowest : INT64_MIN);
	}
	/* The resets of the maximum and of the minimum don't touch each other. */
	assert_int_equal(rk_peak_max_reset(peak, &value), 0);
	assert_int_equal(value, INT64_MAX);
	assert_int_equal(max_of(peak), INT64_MIN);
	assert_int_equal(min_of(peak), INT64_MIN);
	rk_peak_record_max(peak, INT64_MIN);
	assert_int_equal(max_of(peak), INT64_MIN + 1);
	assert_int_equal(rk_peak_min_reset(peak, &value), 0);
	rk_peak_record_min(peak, INT64_MAX);
	assert_int_equal(min_of(peak), INT64_MAX - 1);
	assert_int_equal(rk_peak_destroy(peak), 0);
	assert_int_equal(rk_peak_destroy(peak), -EINVAL);
	assert_int_equal(rk_peak_destroy(NULL), 0);
	assert_int_equal(rk_peak_create(NULL), -EINVAL);
	assert_int_equal(rk_peak_max(NULL, &value), -EINVAL);
	assert_int_equal(rk_peak_max(peak, NULL), -EINVAL);
}

/* Memory that another peak used has no value. */
static void new_peaks_are_empty(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(rk_peak_create(&peak), 0);
		assert_int_equal(max_of(peak), INT64_MIN);
		assert_int_equal(min_of(peak), INT64_MAX);
		rk_peak_record_max(peak, i);
		rk_peak_record_min(peak, -i);
		assert_int_equal(rk_peak_destroy(peak), 0);
	}
}

/* The results of the resets, each by its number, and the number of resets that are complete. */
static int64_t results[RESETS];
static int begun, done;

struct lost {
	int64_t value;
	int first, last; /* the resets that can have the record */
};

/* Records values. Each must be in the result of a reset that ended after the record began. */
static void *record(void *arg)
{
	uint64_t random = (uint64_t)(uintptr_t)arg * 7919 + 1;
	size_t *lost = calloc(1, sizeof(*lost));
	struct lost *kept = calloc(RESETS * 4, sizeof(*kept));
	size_t count = 0;

	assert_non_null(lost);
	assert_non_null(kept);
	while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < RESETS - 1) {
		struct lost one = {.first = __atomic_load_n(&done, __ATOMIC_ACQUIRE)};

		random = random * 6364136223846793005u + 1442695040888963407u;
		one.value = (int64_t)(random >> 40) - (1 << 23);
		rk_peak_record_max(peak, one.value);
		__atomic_thread_fence(__ATOMIC_SEQ_CST); /* now the record is visible to resets that begin later */
		one.last = __atomic_load_n(&begun, __ATOMIC_ACQUIRE);
		if (count < RESETS * 4 && (count == 0 || kept[count - 1].last != one.first || one.value > kept[count - 1].value))
			kept[count++] = one;
	}
	rk_peak_record_max(peak, INT64_MIN + 2);
	while (__atomic_load_n(&done, __ATOMIC_ACQUIRE) < RESETS)
		sched_yield();
	for (size_t i = 0; i < count; i++) {
		bool found = false;

		for (int reset = kept[i].first; reset <= kept[i].last && reset < RESETS; reset++)
			found = found || results[reset] >= kept[i].value;
		*lost += !found && kept[i].last < RESETS; /* else the record came after the last reset */
	}
	free(kept);
	return lost;
}

static void no_record_is_lost(void **state)
{
	pthread_t threads[THREADS];
	size_t lost = 0;

	(void)state;
	assert_int_equal(rk_peak_create(&peak), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, record, (void *)(i + 1)), 0);
	for (int reset = 0; reset < RESETS; reset++) {
		int64_t value;

		__atomic_store_n(&begun, reset + 1, __ATOMIC_SEQ_CST);
		results[reset] = rk_peak_max_reset(peak, &value) == 0 ? value : INT64_MIN;
		__atomic_store_n(&done, reset + 1, __ATOMIC_SEQ_CST);
		if (reset % 64 == 0)
			usleep(100);
	}
	for (int i = 0; i < THREADS; i++) {
		void *one;

		assert_int_equal(pthread_join(threads[i], &one), 0);
		lost += *(size_t *)one;
		free(one);
	}
	assert_int_equal(lost, 0);
	assert_int_equal(rk_peak_destroy(peak), 0);
}

static struct rk_peak_static kept = RK_PEAK_STATIC;

static int without_memory(void)
{
	const struct rlimit none = {0, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
	int64_t value;

	CHECK(setrlimit(RLIMIT_AS, &none) == 0);
	rk_peak_static_record_max(&kept, 5);
	rk_peak_static_record_max(&kept, 3);
	rk_peak_static_record_min(&kept, 4);
	CHECK(rk_peak_static_get(&kept) == NULL);
	CHECK(setrlimit(RLIMIT_AS, &all) == 0);
	rk_peak_static_record_min(&kept, 9);
	CHECK(rk_peak_max(rk_peak_static_get(&kept), &value) == 0 && value == 5);
	CHECK(rk_peak_min(rk_peak_static_get(&kept), &value) == 0 && value == 4);
	return 0;
}

static void kept_until_there_is_memory(void **state)
{
	(void)state;
	if (SANITIZED || getenv("UNDER_VALGRIND") != NULL)
		SKIP("an address space without a limit is needed");
	assert_int_equal(in_child(without_memory), 0);
}

static void static_peaks(void **state)
{
	int64_t value;

	(void)state;
	for (int i = 0; i < 3; i++) {
		rk_peak_static_record_max(&kept, 7 - i);
		rk_peak_static_record_min(&kept, 7 - i);
		assert_int_equal(max_of(rk_peak_static_get(&kept)), 7 - i);
		assert_int_equal(min_of(rk_peak_static_get(&kept)), 7 - i);
		assert_int_equal(rk_peak_static_destroy(&kept), 0);
		assert_null(kept.peak);
	}
	assert_int_equal(rk_peak_max(rk_peak_static_get(&kept), &value), -ENODATA);
	assert_int_equal(rk_peak_static_destroy(&kept), 0);
	assert_int_equal(rk_peak_static_destroy(&kept), 0);
	assert_int_equal(rk_peak_static_destroy(NULL), -EINVAL);
}

static void levels(void **state)
{
	static const uint64_t errors[] = {0, 1, 64, 100000, UINT64_MAX};
	struct rk_level *level;

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const int64_t error = errors[i] < INT64_MAX ? (int64_t)errors[i] : INT64_MAX;
		int64_t peak_then;

		assert_int_equal(rk_level_create(&level, errors[i]), 0);
		assert_int_equal(rk_level_peak(level), 0);
		for (int step = 0; step < 1000; step++)
			rk_level_add(level, 1);
		assert_int_equal(rk_level_get(level), 1000);
		for (int step = 0; step < 1500; step++)
			rk_level_add(level, -1);
		assert_int_equal(rk_level_get(level), -500);
		assert_true(rk_level_peak(level) >= (error < 1000 ? 1000 - error : 0) && rk_level_peak(level) <= 1000);
		peak_then = rk_level_peak_reset(level);
		assert_true(peak_then >= (error < 1000 ? 1000 - error : 0) && peak_then <= 1000);
		assert_int_equal(rk_level_peak(level), -500);
		rk_level_add(level, INT64_C(1) << 40);
		rk_level_add(level, -(INT64_C(1) << 40));
		assert_int_equal(rk_level_get(level), -500);
		if (error < 1000000)
			assert_true(rk_level_peak(level) >= (INT64_C(1) << 40) - 500 - error);
		assert_int_equal(rk_level_destroy(level), 0);
		assert_int_equal(rk_level_destroy(level), -EINVAL);
	}
	assert_int_equal(rk_level_create(NULL, 0), -EINVAL);
	assert_int_equal(rk_level_destroy(NULL), 0);
}

#define ERROR 64

static struct rk_level *shared;
static int64_t exact, exact_peak;

/* Opens and closes "connections", sometimes on other CPUs, and also tracks the level by atomic instructions. */
static void *open_and_close(void *arg)
{
	uint64_t random = (uint64_t)(uintptr_t)arg * 104729 + 1;
	int64_t own = 0;

	for (int64_t i = 0; i < ROUNDS(200000); i++) {
		int64_t change, now, old;

		random = random * 6364136223846793005u + 1442695040888963407u;
		change = own > 0 && random >> 63 ? -1 : (int64_t)(random >> 40) % 3;
		own += change;
		if (change > 0)
			rk_level_add(shared, change);
		now = __atomic_add_fetch(&exact, change, __ATOMIC_SEQ_CST);
		old = __atomic_load_n(&exact_peak, __ATOMIC_RELAXED);
		while (old < now && !__atomic_compare_exchange_n(&exact_peak, &old, now, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			;
		if (change < 0)
			rk_level_add(shared, change);
	}
	rk_level_add(shared, -own);
	__atomic_sub_fetch(&exact, own, __ATOMIC_SEQ_CST);
	return NULL;
}

static void a_peak_of_many_threads(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	assert_int_equal(rk_level_create(&shared, ERROR), 0);
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, (void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(exact, 0);
	assert_int_equal(rk_level_get(shared), 0);
	/* Each thread can be stopped between its two counts, and half-way in an add. */
	assert_true(rk_level_peak(shared) >= exact_peak - ERROR - THREADS * (ERROR + 2));
	assert_true(rk_level_peak(shared) <= exact_peak + ERROR + THREADS * (ERROR + 2));
	assert_int_equal(rk_level_destroy(shared), 0);
}

/* The words that all threads share, after uses of a peak and a level. */
static struct use {
	uint64_t key;  /* the maximum's key in the peak's overflow slot */
	int64_t level; /* the level's shared word */
} uses[USES];

static struct use use_once(void)
{
	struct use use;
	int64_t value;

	assert_int_equal(rk_peak_create(&peak), 0);
	assert_int_equal(rk_level_create(&shared, UINT64_MAX), 0);
	rk_peak_record_max(peak, 7);
	rk_level_add(shared, 7);
	use.key = *(const uint64_t *)rk_percpu_slot(peak, RK_INDEX_OVERFLOW);
	use.level = *(const int64_t *)rk_percpu_slot(shared, RK_INDEX_RESERVE);
	assert_int_equal(rk_peak_max_reset(peak, &value), 0);
	assert_int_equal(value, 7);
	assert_int_equal(max_of(peak), INT64_MIN);
	assert_int_equal(rk_level_get(shared), 7);
	assert_int_equal(rk_peak_destroy(peak), 0);
	assert_int_equal(rk_level_destroy(shared), 0);
	return use;
}

static void *use_before_in_and_after_a_bracket(void *arg)
{
	uses[0] = use_once();
	*(int *)arg = rk_vfork_begin();
	uses[1] = use_once();
	if (*(int *)arg == 0)
		assert_int_equal(rk_vfork_end(), 0);
	uses[2] = use_once();
	return NULL;
}

/* A thread uses its CPU's words as soon as it has rseq. While it has no rseq, as in a bracket, it doesn't ask for its CPU. */
static void the_words_of_a_thread(void **state)
{
	pthread_t thread;
	int opened;

	(void)state;
	cpus_asked = 0;
	assert_int_equal(pthread_create(&thread, NULL, use_before_in_and_after_a_bracket, &opened), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (int i = 0; i < USES; i++) {
		bool has_rseq = WITH_RSEQ() && (i != 1 || opened != 0);

		assert_int_equal(uses[i].key, has_rseq && INTPTR_MAX == INT64_MAX ? 0 : RKI_PEAK_KEY((int64_t)7));
		assert_int_equal(uses[i].level, has_rseq ? 0 : 7);
	}
	assert_int_equal(cpus_asked, 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(kept_until_there_is_memory), /* must run first, before the library has reserved memory for peaks */
	cmocka_unit_test(values),
	cmocka_unit_test(static_peaks),
	cmocka_unit_test(new_peaks_are_empty),
	cmocka_unit_test(no_record_is_lost),
	cmocka_unit_test(levels),
	cmocka_unit_test(a_peak_of_many_threads),
	cmocka_unit_test(the_words_of_a_thread),
};

RUN(tests)
