/* SPDX-License-Identifier: MIT */
/*
 * Tests objects that threads read and replace in a storm (storm.h), while writers free replaced objects. A writer
 * frees an object after it has waited for a grace period, or by a deferred call. The invariant: writers spoil an
 * object before they free it, and a reader never sees a spoiled object. AddressSanitizer also checks the readers.
 */
#include "duel.h"

#define PLACES 4
#define ALIVE ((uintptr_t)0x5ec7104eafe11eULL)
#define LIMIT 200

struct object {
	uintptr_t state, number, complement;
	struct rk_rcu_call call;
};

static struct rk_rcu *rcu;
static struct object *places[PLACES];
static uint64_t sections, replaced, waited, deferred, freed;
static uintptr_t numbers;

static struct object *new_object(void)
{
	struct object *o = malloc(sizeof(*o));

	if (o == NULL)
		abort();
	o->state = ALIVE;
	o->number = __atomic_fetch_add(&numbers, 1, __ATOMIC_RELAXED);
	o->complement = ~o->number;
	return o;
}

static void spoil_and_free(struct object *o)
{
	__atomic_store_n(&o->state, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&o->complement, o->number, __ATOMIC_RELAXED);
	__atomic_fetch_add(&freed, 1, __ATOMIC_RELAXED);
	free(o);
}

static void free_later(struct rk_rcu_call *call)
{
	spoil_and_free((struct object *)((char *)call - offsetof(struct object, call)));
}

static struct rk_rcu_section *enter(uint64_t way)
{
	struct rk_rcu_section *section;

	if (way < 2)
		return rki_rcu_read_lock_slow(rcu, way == 0 ? RK_NO_RSEQ : RK_ABORTED);
	rk_rcu_read_lock(rcu, &section);
	return section;
}

static void leave(struct rk_rcu_section *section, uint64_t *random)
{
	if (draw(random) % 16 == 0)
		rki_rcu_read_unlock_slow(rcu, section, RK_NO_RSEQ);
	else
		rk_rcu_read_unlock(rcu, section);
}

static void look(const struct object *o)
{
	EXPECT(__atomic_load_n(&o->state, __ATOMIC_RELAXED) == ALIVE);
	EXPECT(__atomic_load_n(&o->complement, __ATOMIC_RELAXED) == ~o->number);
}

/*
 * Reads an object. Sometimes the read takes as long as a writer needs for several periods. The section that began before the
 * object was found protects the object.
 */
static void use(uint64_t *random)
{
	uint64_t way = draw(random) % 16;
	struct rk_rcu_section *section = enter(way), *inner = NULL;
	const struct object *o = rk_rcu_dereference(places[draw(random) % PLACES]);

	look(o);
	if (draw(random) % 8 == 0)
		inner = enter(draw(random) % 16);
	if (draw(random) % 64 == 0) {
		sched_yield();
		look(o);
	}
	if (inner != NULL) {
		look(o);
		leave(section, random);
		section = inner;
	}
	leave(section, random);
	__atomic_fetch_add(&sections, 1, __ATOMIC_RELAXED);
}

static void live(struct storm_thread *t)
{
	storm_use(t, use);
}

static void handle(struct storm_thread *t)
{
	for (int i = 0; i < 4; i++)
		use(&t->handler_random);
	if (draw(&t->handler_random) % 16 == 0)
		EXPECT(rk_rcu_poll(rcu, rk_rcu_start(rcu)) >= 0);
}

static void nothing(struct rk_rcu_call *call)
{
	call->function = NULL;
}

/*
 * In the child, only the read sections of its one thread can hold up a grace period, and the thread leaves each section. The
 * child makes no deferred calls, because they call free(), and malloc()'s locks can be held in the child.
 */
static int child(void)
{
	uint64_t random = 88172645463325252;

	alarm(60);
	CHECK(rk_rcu_synchronize(rcu) == 0);
	for (int i = 0; i < 100; i++)
		use(&random);
	CHECK(rk_rcu_synchronize(rcu) == 0);
	return wrong == 0 ? 0 : 1;
}

static void replace(uint64_t *random)
{
	struct object *old = rk_rcu_exchange(places[draw(random) % PLACES], new_object());

	__atomic_fetch_add(&replaced, 1, __ATOMIC_RELAXED);
	if (draw(random) % 4 != 0 && rk_rcu_defer(rcu, &old->call, free_later) == 0) {
		__atomic_fetch_add(&deferred, 1, __ATOMIC_RELAXED);
		return;
	}
	EXPECT(rk_rcu_synchronize(rcu) == 0);
	__atomic_fetch_add(&waited, 1, __ATOMIC_RELAXED);
	spoil_and_free(old);
}

static void *keep_replacing(void *stop)
{
	uint64_t random = 2463534242 ^ (uintptr_t)&random;

	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		int r = 0;

		replace(&random);
		if (draw(&random) % 8 == 0)
			r = rk_rcu_run(rcu, draw(&random) % 2 * 100000);
		EXPECT(r >= 0 || r == -EBUSY);
		if (draw(&random) % 64 == 0) {
			struct rk_rcu_call call;

			while (rk_rcu_defer(rcu, &call, nothing) != 0)
				(void)rk_rcu_run(rcu, 1000000);
			EXPECT(rk_rcu_barrier(rcu) == 0 && call.function == NULL);
		}
	}
	return NULL;
}

static bool enough(void)
{
	return count_now(&sections) > 0 && count_now(&waited) > 0 && count_now(&deferred) > 0;
}

static void never_seen_spoiled(void **state)
{
	static const struct storm storm = {live, handle, NULL, child, keep_replacing, 2, enough};

	(void)state;
	assert_int_equal(rk_rcu_create(&rcu, LIMIT), 0);
	for (int i = 0; i < PLACES; i++)
		places[i] = new_object();
	storm_run(&storm);
	assert_int_equal(rk_rcu_barrier(rcu), 0);
	printf("# %llu sections, %llu replaced: %llu waited, %llu deferred\n", (unsigned long long)sections,
	       (unsigned long long)replaced, (unsigned long long)waited, (unsigned long long)deferred);
	assert_int_equal(wrong, 0);
	assert_int_equal(freed, replaced);
	assert_true(enough());
	for (int i = 0; i < PLACES; i++)
		spoil_and_free(places[i]);
	assert_int_equal(rk_rcu_destroy(rcu), 0);
}

/*
 * A reader on one CPU is nearly always in a read section, for some tens of microseconds each time. Readers are counted
 * in one of two sets of words, the phases. A writer on another CPU changes the phase just when the reader enters again.
 * If the reader were counted in the wrong phase, the writer's next grace period wouldn't wait for the reader.
 */
static int looks_of_a_reader;

static void read_one(bool slowly, uint64_t *random)
{
	struct rk_rcu_section *section = enter(slowly ? 0 : 2);
	const struct object *o = rk_rcu_dereference(places[0]);

	(void)random;
	for (int looks = looks_of_a_reader; looks > 0 && !wrong; looks--)
		look(o);
	rk_rcu_read_unlock(rcu, section);
}

static void replace_one(uint64_t *random)
{
	struct object *old = rk_rcu_exchange(places[0], new_object());

	(void)random;
	EXPECT(rk_rcu_synchronize(rcu) == 0);
	spoil_and_free(old);
}

static void turned_when_a_reader_comes_back(void **state)
{
	(void)state;
	assert_int_equal(rk_rcu_create(&rcu, 0), 0);
	places[0] = new_object();
	looks_of_a_reader = 20000 / (int)SLOWNESS();
	duel(read_one, replace_one);
	spoil_and_free(places[0]);
	assert_int_equal(rk_rcu_destroy(rcu), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(never_seen_spoiled),
	cmocka_unit_test(turned_when_a_reader_comes_back),
};

RUN(tests)
