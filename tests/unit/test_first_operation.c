/* SPDX-License-Identifier: MIT */
/*
 * Tests an operation of each structure, as the first action of an unregistered thread. The operation registers the
 * thread, and returns the same result as in a registered thread.
 */
#include "test.h"

static struct rk_counter *counter;
static struct rk_counter_group *group;
static struct rk_histogram *histogram;
static struct rk_peak *peak;
static struct rk_level *level;
static struct rk_freelist *list;
static struct rk_freelist_node node;
static struct rk_cache *cache;
static struct rk_ring *ring;
static struct rk_rcu *rcu;
static struct rk_ref ref;
static int released;
static struct rk_lock *lock;
static struct rk_rwlock *rwlock;

static void add(void)
{
	rk_counter_add(counter, 3);
}

static void judge_add(void)
{
	assert_int_equal(rk_counter_sum(counter), 3);
}

static void add_to_group(void)
{
	rk_counter_group_add(group, 1, 3);
}

static void judge_group(void)
{
	int64_t values[2];

	assert_int_equal(rk_counter_group_read(group, values, 2), 0);
	assert_int_equal(values[0], 0);
	assert_int_equal(values[1], 3);
}

static void record(void)
{
	rk_histogram_record(histogram, 7);
}

static void judge_record(void)
{
	struct rk_histogram_snapshot *snapshot;

	assert_int_equal(rk_histogram_snapshot_create(&snapshot, histogram), 0);
	assert_int_equal(rk_histogram_read(histogram, snapshot), 0);
	assert_int_equal(rk_histogram_percentile(snapshot, 100), 7);
	assert_int_equal(rk_histogram_snapshot_destroy(snapshot), 0);
}

static void record_peak(void)
{
	rk_peak_record_max(peak, 7);
}

static void judge_peak(void)
{
	int64_t value;

	assert_int_equal(rk_peak_max(peak, &value), 0);
	assert_int_equal(value, 7);
}

static void add_to_level(void)
{
	rk_level_add(level, 3);
}

static void judge_level(void)
{
	assert_int_equal(rk_level_get(level), 3);
}

static void push(void)
{
	rk_freelist_push(list, &node);
}

static void judge_push(void)
{
	struct rk_freelist_node *rest;

	assert_int_equal(rk_freelist_destroy(list, &rest), 0);
	assert_ptr_equal(rest, &node);
	list = NULL;
}

static void pop(void)
{
	if (rk_freelist_pop(list) != NULL)
		abort();
}

static void put(void)
{
	rk_cache_put(cache, &node);
}

static void judge_put(void)
{
	struct rk_cache_report report;

	assert_int_equal(rk_cache_query(cache, &report, sizeof(report)), 0);
	assert_int_equal(report.in_arrays + report.in_depot + report.destructed, 1);
}

static void *made(void *context)
{
	return context;
}

static void destroyed(void *context, void *object)
{
	(void)context;
	(void)object;
}

static void get(void)
{
	if (rk_cache_get(cache) == NULL)
		abort();
}

static void write_record(void)
{
	if (rk_ring_write(ring, "record", 7) != 0)
		abort();
}

static int is_the_record(void *context, const struct rk_ring_record *found)
{
	*(int *)context += found->length == 7 && strcmp(found->data, "record") == 0 ? 1 : 100;
	return 0;
}

static void judge_record_in_ring(void)
{
	int found = 0;

	assert_int_equal(rk_ring_merge(ring, is_the_record, &found), 0);
	assert_int_equal(found, 1);
}

static void read_side(void)
{
	struct rk_rcu_section *section;

	rk_rcu_read_lock(rcu, &section);
	rk_rcu_read_unlock(rcu, section);
}

static void judge_read_side(void)
{
	assert_int_equal(rk_rcu_synchronize(rcu), 0);
}

static void count_release(struct rk_ref *of)
{
	(void)of;
	released++;
}

static void take_and_give_back(void)
{
	rk_ref_get(&ref);
	rk_ref_put(&ref);
}

static void judge_ref(void)
{
	assert_int_equal(released, 0);
	assert_int_equal(rk_ref_kill(&ref), 0);
	assert_int_equal(released, 1);
}

static void take_lock(void)
{
	void *data;

	if (rk_lock_here(lock, &data) < 0)
		abort();
	*(int64_t *)data += 3;
	if (rk_lock_release(lock, data) != 0)
		abort();
}

static void judge_lock(void)
{
	int64_t sum = *(int64_t *)rk_lock_data(lock, RK_INDEX_OVERFLOW);

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		sum += *(int64_t *)rk_lock_data(lock, cpu);
	assert_int_equal(sum, 3);
}

static void read_locked(void)
{
	struct rk_rwlock_section *section;

	if (rk_rwlock_read_lock(rwlock, &section) != 0)
		abort();
	rk_rwlock_read_unlock(rwlock, section);
}

static void judge_read_locked(void)
{
	assert_int_equal(rk_rwlock_write_lock(rwlock), 0);
	assert_int_equal(rk_rwlock_write_unlock(rwlock), 0);
}

static const struct first {
	const char *name;
	void (*operate)(void), (*judge)(void); /* `judge` can be NULL */
} firsts[] = {
	{"counter", add, judge_add},
	{"group", add_to_group, judge_group},
	{"histogram", record, judge_record},
	{"peak", record_peak, judge_peak},
	{"level", add_to_level, judge_level},
	{"pop of a list", pop, NULL},
	{"push to a list", push, judge_push},
	{"put into a cache", put, judge_put},
	{"get from a cache", get, NULL},
	{"ring", write_record, judge_record_in_ring},
	{"rcu", read_side, judge_read_side},
	{"ref", take_and_give_back, judge_ref},
	{"lock", take_lock, judge_lock},
	{"rwlock", read_locked, judge_read_locked},
};

struct seen {
	const struct first *first;
	bool before, after;
};

static void *operate_first(void *arg)
{
	struct seen *seen = arg;

	seen->before = kernel_says_any();
	seen->first->operate();
	seen->after = kernel_says_registered(area_here(), process_info().length);
	return NULL;
}

/* Without rseq, every structure still works, but no operation registers the thread. */
static void each_registers(void **state)
{
	static const char *const names[] = {"one", "two"};
	struct rk_ring_options ring_options = {0};
	struct rk_cache_options options = {.construct = made, .destruct = destroyed, .context = &node};

	(void)state;
	assert_int_equal(rk_counter_create(&counter), 0);
	assert_int_equal(rk_counter_group_create(&group, names, 2), 0);
	assert_int_equal(rk_histogram_create(&histogram, 3, 1000), 0);
	assert_int_equal(rk_peak_create(&peak), 0);
	assert_int_equal(rk_level_create(&level, UINT64_MAX), 0);
	assert_int_equal(rk_freelist_create(&list), 0);
	assert_int_equal(rk_cache_create(&cache, &options, sizeof(options)), 0);
	assert_int_equal(rk_ring_create(&ring, &ring_options, sizeof(ring_options)), 0);
	assert_int_equal(rk_rcu_create(&rcu, 0), 0);
	assert_int_equal(rk_ref_init(&ref, count_release), 0);
	assert_int_equal(rk_lock_create(&lock, sizeof(int64_t)), 0);
	assert_int_equal(rk_rwlock_create(&rwlock, 0), 0);
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		struct seen seen = {.first = &firsts[i]};
		pthread_t thread;

		printf("# %s\n", firsts[i].name);
		assert_int_equal(create_unregistered(&thread, operate_first, &seen), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		if (world_owner() == RK_OWNER_SELF) {
			assert_false(seen.before);
			assert_int_equal(seen.after, RK_HAVE_SECTIONS);
		}
		if (firsts[i].judge != NULL)
			firsts[i].judge();
	}
	assert_int_equal(rk_rwlock_destroy(rwlock), 0);
	assert_int_equal(rk_lock_destroy(lock), 0);
	assert_int_equal(rk_rcu_destroy(rcu), 0);
	assert_int_equal(rk_ring_destroy(ring), 0);
	assert_int_equal(rk_cache_destroy(cache), 0);
	assert_int_equal(rk_level_destroy(level), 0);
	assert_int_equal(rk_peak_destroy(peak), 0);
	assert_int_equal(rk_histogram_destroy(histogram), 0);
	assert_int_equal(rk_counter_group_destroy(group), 0);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(each_registers),
};

RUN(tests)
