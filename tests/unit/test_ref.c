/* SPDX-License-Identifier: MIT */
/*
 * Tests reference counts: an object is released once, when its last user puts its reference, by every way to get and
 * put references. Also tests fences that fail.
 */
#include "ways.h"
#include "refuse.h"

struct object {
	struct rk_ref ref;
	int released;
};

static void release(struct rk_ref *ref)
{
	((struct object *)ref)->released++;
}

static void get(struct object *o, enum way way)
{
	if (way == BY_SECTION)
		rk_ref_get(&o->ref);
	else
		rki_ref_get_slow(&o->ref, attempt_of(way));
}

static void put(struct object *o, enum way way)
{
	if (way == BY_SECTION)
		rk_ref_put(&o->ref);
	else
		rki_ref_put_slow(&o->ref, attempt_of(way));
}

static int tryget(struct object *o, enum way way, int live)
{
	if (way == BY_SECTION)
		return (live ? rk_ref_get_live_try(&o->ref) : rk_ref_get_try(&o->ref)) == 0;
	return rki_ref_get_try_slow(&o->ref, attempt_of(way), live) == 0;
}

static void start(struct object *o)
{
	o->released = 0;
	CHECK(rk_ref_init(&o->ref, release) == 0);
}

/* The following checks use CHECK(), which ends the process if it fails, because children make these checks too. */
static void by_the_kill(void)
{
	struct object o;

	for (int in = 0; in < WAYS; in++)
		for (int out = 0; out < WAYS; out++) {
			start(&o);
			for (int i = 0; i < 3; i++)
				get(&o, (enum way)in);
			for (int i = 0; i < 3; i++)
				put(&o, (enum way)out);
			CHECK(o.released == 0);
			CHECK(rk_ref_kill(&o.ref) == 0);
			CHECK(o.released == 1);
		}
}

static void by_the_last_put(void)
{
	struct object o;

	for (int in = 0; in < WAYS; in++)
		for (int out = 0; out < WAYS; out++) {
			start(&o);
			get(&o, (enum way)in);
			CHECK(rk_ref_kill(&o.ref) == 0);
			get(&o, (enum way)out);
			put(&o, (enum way)in);
			CHECK(o.released == 0);
			put(&o, (enum way)out);
			CHECK(o.released == 1);
		}
}

static void never_again(void)
{
	struct object o;

	for (int way = 0; way < WAYS; way++) {
		start(&o);
		for (int live = 0; live < 2; live++) {
			CHECK(tryget(&o, (enum way)way, live) == 1);
			put(&o, (enum way)way);
		}
		get(&o, (enum way)way);
		CHECK(rk_ref_kill(&o.ref) == 0);
		CHECK(tryget(&o, (enum way)way, 1) == 0);
		CHECK(tryget(&o, (enum way)way, 0) == 1);
		put(&o, (enum way)way);
		CHECK(o.released == 0);
		put(&o, (enum way)way);
		CHECK(o.released == 1);
		for (int i = 0; i < 1000; i++)
			CHECK(tryget(&o, (enum way)way, i % 2) == 0);
		CHECK(o.released == 1);
	}
}

static int all_of_it(void)
{
	by_the_kill();
	by_the_last_put();
	never_again();
	return 0;
}

static void released_once(void **state)
{
	(void)state;
	assert_int_equal(all_of_it(), 0);
}

/* References are taken on one CPU and given back on another, so no CPU's word has the right count. */
static void on_several_cpus(void **state)
{
	cpu_set_t allowed;
	struct object o;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(allowed), &allowed), 0);
	start(&o);
	for (int from = 0; from < CPU_SETSIZE; from++)
		for (int to = 0; to < CPU_SETSIZE; to++) {
			if (!CPU_ISSET(from, &allowed) || !CPU_ISSET(to, &allowed))
				continue;
			pin(from);
			rk_ref_get(&o.ref);
			rk_ref_get(&o.ref);
			pin(to);
			rk_ref_put(&o.ref);
		}
	assert_int_equal(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
	assert_int_equal(rk_ref_kill(&o.ref), 0);
	for (int i = CPU_COUNT(&allowed) * CPU_COUNT(&allowed); i > 0; i--) {
		assert_int_equal(o.released, 0);
		rk_ref_put(&o.ref);
	}
	assert_int_equal(o.released, 1);
}

/* Between rk_vfork_begin() and rk_vfork_end(), this thread has no rseq. */
static void without_rseq(void **state)
{
	struct object o;

	(void)state;
	start(&o);
	rk_ref_get(&o.ref);
	assert_int_equal(rk_vfork_begin(), 0);
	rk_ref_get(&o.ref);
	rk_ref_put(&o.ref);
	rk_ref_put(&o.ref);
	assert_int_equal(rk_ref_get_try(&o.ref), 0);
	assert_int_equal(rk_vfork_end(), 0);
	assert_int_equal(rk_ref_kill(&o.ref), 0);
	assert_int_equal(o.released, 0);
	assert_int_equal(rk_vfork_begin(), 0);
	rk_ref_put(&o.ref);
	assert_int_equal(rk_vfork_end(), 0);
	assert_int_equal(o.released, 1);
}

#define MANY 10

static void killed_together(void **state)
{
	struct object objects[MANY];
	struct rk_ref *refs[MANY];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		start(&objects[i]);
		refs[i] = &objects[i].ref;
		for (int j = 0; j < i; j++)
			get(&objects[i], (enum way)(j % WAYS));
	}
	assert_int_equal(rk_ref_kill_all(refs, 0), 0);
	assert_int_equal(rk_ref_kill_all(refs, MANY), 0);
	for (int i = 0; i < MANY; i++) {
		for (int j = 0; j < i; j++) {
			assert_int_equal(objects[i].released, 0);
			put(&objects[i], (enum way)((i + j) % WAYS));
		}
		assert_int_equal(objects[i].released, 1);
	}
}

static void refuses(void **state)
{
	struct object a, b;
	struct rk_ref *refs[] = {&a.ref, NULL};

	(void)state;
	assert_int_equal(rk_ref_init(NULL, release), -EINVAL);
	assert_int_equal(rk_ref_init(&a.ref, NULL), -EINVAL);
	assert_int_equal(rk_ref_kill(NULL), -EINVAL);
	assert_int_equal(rk_ref_kill_all(NULL, 1), -EINVAL);
	start(&a);
	start(&b);
	assert_int_equal(rk_ref_kill_all(refs, 2), -EINVAL);
	refs[1] = &b.ref;
	rk_ref_get(&b.ref);
	assert_int_equal(rk_ref_kill(&b.ref), 0);
	assert_int_equal(rk_ref_kill(&b.ref), -EALREADY);
	assert_int_equal(rk_ref_kill_all(refs, 2), -EALREADY);
	assert_int_equal(rk_ref_get_live_try(&a.ref), 0); /* rk_ref_kill_all() failed and killed nothing */
	assert_ptr_equal((void *)a.ref.gate, a.ref.words);
	rk_ref_put(&a.ref);
	rk_ref_put(&b.ref);
	assert_int_equal(rk_ref_kill(&a.ref), 0);
	assert_int_equal(a.released + b.released, 2);
}

static int never_fenced(void)
{
	struct object o;

	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	start(&o);
	CHECK(o.ref.gate == 0);
	CHECK(rk_ref_kill(&o.ref) == 0);
	return all_of_it();
}

static void without_any_fence(void **state)
{
	(void)state;
	assert_int_equal(in_child(never_fenced), 0);
}

/*
 * If a filter refuses fences to a thread, the thread's kill fails and leaves the objects alive for all users. A later
 * kill by a thread without the filter succeeds.
 */
static struct object together[2];

static void *kill_without_a_fence(void *arg)
{
	struct rk_ref *refs[] = {&together[0].ref, &together[1].ref};

	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	for (int i = 0; i < 3; i++)
		CHECK(rk_ref_kill_all(refs, 2) == -EHOSTUNREACH);
	for (int way = 0; way < WAYS; way++) {
		get(&together[0], (enum way)way);
		CHECK(tryget(&together[1], (enum way)way, 1) == 1);
		put(&together[1], (enum way)way);
		put(&together[0], (enum way)way);
	}
	return arg;
}

static void a_fence_that_fails(void **state)
{
	pthread_t thread;

	(void)state;
	start(&together[0]);
	if (together[0].ref.words == NULL)
		SKIP("no rseq: no fence is needed");
	start(&together[1]);
	rk_ref_get(&together[1].ref);
	assert_int_equal(pthread_create(&thread, NULL, kill_without_a_fence, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(together[0].released + together[1].released, 0);
	assert_int_equal(rk_ref_kill(&together[0].ref), 0);
	assert_int_equal(together[0].released, 1);
	assert_int_equal(rk_ref_kill(&together[1].ref), 0);
	assert_int_equal(together[1].released, 0);
	rk_ref_put(&together[1].ref);
	assert_int_equal(together[1].released, 1);
}

/*
 * References are taken on one CPU and given back on another, more often than a CPU's word can count. Both CPUs' words
 * wrap around, and only their sum is right.
 */
static void far_apart(void **state)
{
	static const uintptr_t apart[] = {1, (uintptr_t)INTPTR_MAX / 2, (uintptr_t)INTPTR_MAX / 2 + 1, UINTPTR_MAX / 2 + 1,
					  (uintptr_t)-1, (uintptr_t)INTPTR_MIN / 2};
	struct object o;

	(void)state;
	for (size_t i = 0; i < sizeof(apart) / sizeof(apart[0]); i++) {
		start(&o);
		if (o.ref.words == NULL)
			SKIP("no rseq: all threads share one word");
		*(uintptr_t *)o.ref.words += apart[i];
		o.ref.count -= 2 * apart[i];
		for (int way = 0; way < WAYS; way++) {
			get(&o, (enum way)way);
			assert_int_equal(tryget(&o, (enum way)way, 1), 1);
			put(&o, (enum way)way);
		}
		assert_int_equal(rk_ref_kill(&o.ref), 0);
		for (int way = 0; way < WAYS; way++) {
			assert_int_equal(o.released, 0);
			put(&o, (enum way)way);
		}
		assert_int_equal(o.released, 1);
	}
}

/* After an object is released, later objects use the per-CPU memory in which its references were counted. */
static void leaves_nothing(void **state)
{
	uintptr_t lowest = UINTPTR_MAX, highest = 0;
	struct object o;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		start(&o);
		lowest = (uintptr_t)o.ref.words < lowest ? (uintptr_t)o.ref.words : lowest;
		highest = (uintptr_t)o.ref.words > highest ? (uintptr_t)o.ref.words : highest;
		get(&o, (enum way)(i % WAYS));
		put(&o, (enum way)(i % WAYS));
		assert_int_equal(rk_ref_kill(&o.ref), 0);
	}
	assert_true(highest - lowest < 4096);
}

static struct object inherited[2];

static int give_back(void)
{
	struct rk_ref *refs[] = {&inherited[0].ref, &inherited[1].ref};

	CHECK(rk_ref_kill_all(refs, 2) == 0);
	CHECK(inherited[0].released == 0 && inherited[1].released == 0);
	put(&inherited[0], BY_SECTION);
	put(&inherited[0], BY_OVERFLOW);
	put(&inherited[1], AFTER_ABORTS);
	CHECK(inherited[0].released == 1 && inherited[1].released == 1);
	return 0;
}

static void in_children_too(void **state)
{
	(void)state;
	start(&inherited[0]);
	start(&inherited[1]);
	get(&inherited[0], BY_OVERFLOW);
	get(&inherited[0], BY_SECTION);
	get(&inherited[1], BY_SECTION);
	assert_int_equal(in_child(give_back), 0);
	assert_int_equal(in_child(give_back), 0);
	assert_int_equal(give_back(), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(without_any_fence), /* must run first, before any fence was used */
	cmocka_unit_test(released_once),
	cmocka_unit_test(on_several_cpus),
	cmocka_unit_test(without_rseq),
	cmocka_unit_test(killed_together),
	cmocka_unit_test(refuses),
	cmocka_unit_test(a_fence_that_fails),
	cmocka_unit_test(far_apart),
	cmocka_unit_test(leaves_nothing),
	cmocka_unit_test(in_children_too),
};

RUN(tests)
