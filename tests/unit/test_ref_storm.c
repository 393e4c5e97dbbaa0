/* SPDX-License-Identifier: MIT */
/*
 * Tests objects that threads find, hold for a while, and give back in a storm (storm.h). Meanwhile, owners replace
 * objects and kill them, one at a time or several together. A deferred call frees each object. The invariant: a
 * holder sees the object whole, and each object is released once.
 */
#include "expect.h"
#include "storm.h"

#define PLACES 4
#define ALIVE ((uintptr_t)0x5ec7104eafe11eULL)

struct object {
	struct rk_ref ref;
	uintptr_t state, number, complement;
	struct rk_rcu_call call;
};

static struct rk_rcu *rcu;
static struct object *places[PLACES];
static uint64_t made, found, missed, released;

static void free_later(struct rk_rcu_call *call)
{
	free((char *)call - offsetof(struct object, call));
}

/*
 * Runs in the thread or handler that gave the last reference back. Another thread can still find the object, but can't get a
 * reference.
 */
static void release(struct rk_ref *ref)
{
	struct object *o = (struct object *)ref;

	EXPECT(__atomic_exchange_n(&o->state, 0, __ATOMIC_RELAXED) == ALIVE);
	__atomic_store_n(&o->complement, o->number, __ATOMIC_RELAXED);
	__atomic_fetch_add(&released, 1, __ATOMIC_RELAXED);
	EXPECT(rk_rcu_defer(rcu, &o->call, free_later) == 0);
}

static struct object *new_object(void)
{
	struct object *o = malloc(sizeof(*o));

	if (o == NULL || rk_ref_init(&o->ref, release) != 0)
		abort();
	o->state = ALIVE;
	o->number = __atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
	o->complement = ~o->number;
	return o;
}

static void look(const struct object *o)
{
	EXPECT(__atomic_load_n(&o->state, __ATOMIC_RELAXED) == ALIVE);
	EXPECT(__atomic_load_n(&o->complement, __ATOMIC_RELAXED) == ~o->number);
}

static void get(struct object *o, uint64_t way)
{
	if (way < 2)
		rki_ref_get_slow(&o->ref, way == 0 ? RK_NO_RSEQ : RK_ABORTED);
	else
		rk_ref_get(&o->ref);
}

static void put(struct object *o, uint64_t way)
{
	if (way < 2)
		rki_ref_put_slow(&o->ref, way == 0 ? RK_NO_RSEQ : RK_ABORTED);
	else
		rk_ref_put(&o->ref);
}

/* Finds an object and returns it with a reference. Returns NULL if the object was released meanwhile. */
static struct object *find(uint64_t *random)
{
	struct rk_rcu_section *section;
	uint64_t way = draw(random) % 16;
	struct object *o;
	int r;

	rk_rcu_read_lock(rcu, &section);
	o = rk_rcu_dereference(places[draw(random) % PLACES]);
	r = way == 0 ? rki_ref_get_try_slow(&o->ref, RK_NO_RSEQ, 0) :
	    way == 1 ? rk_ref_get_live_try(&o->ref) :
		       rk_ref_get_try(&o->ref);
	rk_rcu_read_unlock(rcu, section);
	__atomic_fetch_add(r == 0 ? &found : &missed, 1, __ATOMIC_RELAXED);
	return r == 0 ? o : NULL;
}

static void use(uint64_t *random)
{
	struct object *o = find(random);

	if (o == NULL)
		return;
	for (uint64_t more = draw(random) % 8; more > 0; more--) {
		get(o, draw(random) % 16);
		look(o);
		if (draw(random) % 64 == 0)
			sched_yield();
		put(o, draw(random) % 16);
	}
	look(o);
	put(o, draw(random) % 16);
}

/* An object that the thread holds for its whole life, and gives back at the end. */
static __thread struct object *kept;

static void live(struct storm_thread *t)
{
	kept = find(&t->random);
	storm_use(t, use);
}

static void end(struct storm_thread *t)
{
	if (kept == NULL)
		return;
	look(kept);
	put(kept, draw(&t->random) % 16);
}

static void handle(struct storm_thread *t)
{
	for (int i = 0; i < 4; i++)
		use(&t->handler_random);
}

/*
 * In the child, references of the parent's other threads stay counted, and a reference that this thread takes keeps its object
 * alive. The child makes no deferred calls, because malloc() can be locked in the child.
 */
static int child(void)
{
	uint64_t random = 88172645463325252;
	struct object *o;

	alarm(60);
	for (int i = 0; i < 100; i++)
		use(&random);
	while ((o = find(&random)) == NULL)
		;
	(void)rk_ref_kill(&o->ref);
	look(o);
	put(o, draw(&random) % 16);
	return wrong == 0 ? 0 : 1;
}

/*
 * Kills give back the owner's references. The objects of one call are all different, because each has been replaced
 * before the kill.
 */
static void *keep_replacing(void *stop)
{
	uint64_t random = 2463534242 ^ (uintptr_t)&random;

	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		struct rk_ref *refs[3];
		size_t count = 1 + draw(&random) % 3;

		for (size_t i = 0; i < count; i++)
			refs[i] = &rk_rcu_exchange(places[draw(&random) % PLACES], new_object())->ref;
		if (count == 1)
			EXPECT(rk_ref_kill(refs[0]) == 0);
		else
			EXPECT(rk_ref_kill_all(refs, count) == 0);
		EXPECT(rk_rcu_run(rcu, 0) != -EHOSTUNREACH);
	}
	return NULL;
}

static bool enough(void)
{
	return count_now(&found) > 0 && count_now(&made) > PLACES;
}

static void held_ones_are_whole(void **state)
{
	static const struct storm storm = {live, handle, end, child, keep_replacing, 2, enough};

	(void)state;
	assert_int_equal(rk_rcu_create(&rcu, 0), 0);
	for (int i = 0; i < PLACES; i++)
		places[i] = new_object();
	storm_run(&storm);
	for (int i = 0; i < PLACES; i++)
		assert_int_equal(rk_ref_kill(&places[i]->ref), 0);
	assert_int_equal(rk_rcu_barrier(rcu), 0);
	printf("# %llu made, %llu found, %llu missed\n", (unsigned long long)made, (unsigned long long)found,
	       (unsigned long long)missed);
	assert_int_equal(wrong, 0);
	assert_int_equal(released, made);
	assert_true(enough());
	assert_int_equal(rk_rcu_destroy(rcu), 0);
}

/*
 * References are taken and given back on two CPUs, and a kill comes at any moment. Each holder checks the object
 * before its last put.
 */
#define USERS 2

static struct object *common;
static int ready;

static void *come_and_go(void *arg)
{
	uint64_t random = 362436069 ^ (uintptr_t)&random;
	struct object *o = common;

	(void)arg;
	__atomic_fetch_add(&ready, 1, __ATOMIC_ACQ_REL);
	for (uint64_t turns = draw(&random) % 2000; turns > 0; turns--) {
		get(o, draw(&random) % 64);
		look(o);
		put(o, draw(&random) % 64);
	}
	look(o);
	put(o, draw(&random) % 64);
	return NULL;
}

static void killed_at_any_moment(void **state)
{
	uint64_t end = storm_now() + storm_ms() / 2, random = 521288629, turns = 0;

	(void)state;
	made = released = 0;
	assert_int_equal(rk_rcu_create(&rcu, 0), 0);
	for (; storm_now() < end || turns < 10; turns++) {
		pthread_t threads[USERS];

		ready = 0;
		common = new_object();
		for (int i = 0; i < USERS; i++) {
			rk_ref_get(&common->ref);
			assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
		}
		while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) < USERS)
			sched_yield();
		for (volatile uint64_t wait = draw(&random) % 20000; wait > 0; wait--)
			;
		assert_int_equal(rk_ref_kill(&common->ref), 0);
		for (int i = 0; i < USERS; i++)
			assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(rk_rcu_barrier(rcu), 0);
		assert_int_equal(released, made);
	}
	printf("# %llu kills\n", (unsigned long long)turns);
	assert_int_equal(wrong, 0);
	assert_int_equal(rk_rcu_destroy(rcu), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(held_ones_are_whole),
	cmocka_unit_test(killed_at_any_moment),
};

RUN(tests)
