/* SPDX-License-Identifier: MIT */
/*
 * Tests vfork children that are killed or stopped while they get and put objects of a cache. Each object is either in the cache
 * or was got by the child, and the cache's limit and budget are right. A cache keeps objects in one array per CPU, and in a
 * depot that all CPUs share. The depot's objects are in magazines (batches). A reclaim moves the objects of a CPU's array to
 * the depot.
 *
 * A vfork child, and its parent between rk_vfork_begin() and rk_vfork_end(), use one magazine for their gets and puts: the
 * magazine in hand.
 */
#include "killed.h"
#include "thread/bracket.h"
#include "structures/cache.h"
#include "structures/cache_stack.h"

#define OBJECTS 200
#define BATCH RK_CACHE_BATCH_MAX
#define LIMIT 1000
#define WEIGHT 3
#define BUDGET 10000

static struct rk_cache *cache;
static struct rk_cache_budget budget;
static uint64_t objects[OBJECTS + 8];
static int tried;
static int sure;   /* number of objects in the cache before the child's gets and puts */
static int more;   /* number of objects that a child has put minus those that it has got, as far as the child counted */
static int unsure; /* 1 if a child may have been killed before it counted */

static void reclaim(void)
{
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		CHECK(rk_cache_reclaim(cache, cpu) == 0);
}

static void put_some(int n)
{
	for (int i = 0; i < n; i++)
		rk_cache_put(cache, &objects[sure + i]);
	sure += n;
}

static void get_some(int n)
{
	for (int i = 0; i < n; i++)
		CHECK(rk_cache_get(cache) != NULL);
	sure -= n;
}

static void never(void *context, void *object)
{
	(void)context;
	CHECK(object == NULL);
}

static void create_empty(void)
{
	struct rk_cache_options options = {
		.per_cpu = 64, .limit = LIMIT, .budget = &budget, .weight = WEIGHT, .destruct = never};

	budget.left = BUDGET;
	sure = more = tried = 0;
	unsure = 1;
	CHECK(rk_cache_create(&cache, &options, sizeof(options)) == 0);
}

/* Creates a cache with all objects in the depot. */
static void create_filled(void)
{
	create_empty();
	put_some(OBJECTS);
	reclaim();
}

/* Makes the magazine in hand full. This function leaves no empty magazine; fill_hand_beside_others() leaves some. */
static void fill_hand(void)
{
	create_empty();
	CHECK(rk_vfork_begin() == 0);
	put_some(BATCH);
	CHECK(rk_vfork_end() == 0);
}

static void fill_hand_beside_others(void)
{
	void *all[OBJECTS];

	create_filled();
	CHECK(rk_cache_get_batch(cache, all, OBJECTS) == OBJECTS);
	sure = 0;
	reclaim();
	CHECK(rk_vfork_begin() == 0);
	put_some(BATCH);
	CHECK(rk_vfork_end() == 0);
}

/* Makes the magazine in hand empty, while other magazines are full. */
static void empty_hand(void)
{
	const struct depot *depot;
	uint64_t others = 0;

	create_filled();
	depot = &shared_of(cache)->depot;
	CHECK(rk_vfork_begin() == 0);
	do
		get_some(1);
	while (magazine_of(depot, depot->hand.magazine)->count > 0);
	CHECK(rk_vfork_end() == 0);
	for (int i = 0; i < DEPOT_PARTS; i++)
		others += depot->parts[i].stacks[DEPOT_FULL] & NUMBER_MASK;
	CHECK(others != 0);
}

static void get_one(void)
{
	if (rk_cache_get(cache) != NULL)
		more--;
}

/* Puts a new object each time, because a later vfork child calls this function too. */
static void put_one(void)
{
	rk_cache_put(cache, &objects[OBJECTS + ++tried]);
	more++;
}

static void get_and_put(void)
{
	void *object = rk_cache_get(cache);

	if (object != NULL)
		rk_cache_put(cache, object);
}

/* Runs in another thread while the child is stopped. Uses the part of the depot that the child doesn't hold. */
static void get_and_put_two(void)
{
	void *two[2] = {rk_cache_get(cache), rk_cache_get(cache)};

	CHECK(two[0] != NULL && two[1] != NULL && two[0] != two[1]);
	rk_cache_put(cache, two[0]);
	rk_cache_put(cache, two[1]);
	reclaim();
}

static void check_limits(int has)
{
	struct rk_cache_report report;
	uint64_t granted;

	CHECK(rk_cache_query(cache, &report, sizeof(report)) == 0);
	granted = report.in_depot + report.capacity;
	CHECK(report.in_depot + report.in_arrays == (uint64_t)has && report.left == LIMIT - granted);
	CHECK(budget.left == BUDGET - (int64_t)granted * WEIGHT);
}

/* Checks objects and limits. The arrays are empty before this call and after it. */
static int cache_is_whole(void)
{
	static void *got[OBJECTS + 8];
	bool bracketed = rk_bracket_is_open();
	int n = 0;

	while (n < OBJECTS + 8 && (got[n] = rk_cache_get(cache)) != NULL)
		n++;
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			CHECK(got[i] != got[j]);
	if (!bracketed)
		check_limits(0);
	for (int i = 0; i < n; i++)
		rk_cache_put(cache, got[i]);
	if (!bracketed) {
		reclaim();
		check_limits(n);
	}
	/*
	 * A child that isn't killed has counted each get and put. This function runs in several threads. If it runs in the
	 * thread that judge_everywhere() creates (killed.h), it sets `sure`, `more` and `unsure` for later checks.
	 */
	if (the_killed->meanwhile != NULL)
		unsure = 0;
	CHECK(n >= sure + more - unsure && n <= sure + more + unsure);
	if ((pid_t)syscall(SYS_gettid) != getpid() && !bracketed) {
		sure = n;
		more = unsure = 0;
	}
	return 0;
}

static int destructed;

static void count_it(void *context, void *object)
{
	CHECK(context == NULL && object != NULL);
	destructed++;
}

/*
 * Objects that a vfork child has put can be trimmed, and are destructed with the cache. Before the vfork, the parent only
 * creates the cache. After the vfork, it puts one more object than the cache can have. In the last round it doesn't, so the
 * trim is the first call.
 */
static void put_by_a_child(void **state)
{
	struct rk_cache_options options = {.limit = 100, .destruct = count_it};
	static int round; /* static, because compilers warn that vfork() could change a variable on the stack */
	pid_t pid;

	(void)state;
	for (round = 0; round < 3; round++) {
		destructed = 0;
		assert_int_equal(rk_cache_create(&cache, &options, sizeof(options)), 0);
		assert_int_equal(rk_vfork_begin(), 0);
		pid = vfork();
		if (pid == 0) {
			for (int i = 0; i < 100; i++)
				rk_cache_put(cache, &objects[i]);
			_exit(0);
		}
		assert_int_equal(rk_vfork_end(), 0);
		assert_int_equal(exit_status_of(pid), 0);
		/* The limit includes the objects that the child has put. */
		if (round < 2)
			rk_cache_put(cache, &objects[100]);
		assert_int_equal(destructed, round < 2 ? 1 : 0);
		assert_int_equal(rk_cache_trim(cache, round == 1 ? 200 : 40), round == 1 ? 0 : 60);
		assert_int_equal(rk_cache_destroy(cache), 0);
		assert_int_equal(destructed, round < 2 ? 101 : 100);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(put_by_a_child),
	KILLED(killed_with_a_full_depot, create_filled, get_and_put, cache_is_whole, NULL, false, false),
	KILLED(killed_in_an_inner_bracket, create_filled, get_and_put, cache_is_whole, NULL, true, false),
	KILLED(killed_at_a_first_put, create_empty, put_one, cache_is_whole, NULL, false, false),
	KILLED(killed_beside_a_begun_magazine, create_filled, put_one, cache_is_whole, NULL, false, false),
	KILLED(killed_with_a_full_magazine, fill_hand, put_one, cache_is_whole, NULL, false, false),
	KILLED(killed_beside_empty_magazines, fill_hand_beside_others, put_one, cache_is_whole, NULL, false, false),
	KILLED(killed_with_an_empty_magazine, empty_hand, get_one, cache_is_whole, NULL, false, false),
	KILLED(slow_children, create_filled, get_and_put, cache_is_whole, get_and_put_two, false, false),
	KILLED(slow_children_that_fork, create_filled, get_and_put, cache_is_whole, get_and_put_two, true, true),
};

RUN(tests)
