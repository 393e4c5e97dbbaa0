/* SPDX-License-Identifier: MIT */
/*
 * Tests lists of nodes in a storm (storm.h), while other threads drain the lists. The invariant is the invariant of
 * nodes.h. CPUs can go offline and come back during the test.
 */
#include "nodes.h"
#include "storm.h"

/*
 * How often threads took a new node from `nodes`, or tried to do so when no new node was left. A thread takes a new node only
 * if the lists are empty. Each thread holds a few nodes at a time.
 */
static int supply;
static uint64_t popped, drains, drained_nodes, drains_refused;

static struct node *take(uint64_t *random)
{
	bool overflow = draw(random) % 8 == 0; /* if true, pops as a thread without rseq does */
	struct rk_freelist_node *link = overflow ? rki_freelist_pop_slow(list, RK_NO_RSEQ) : rk_freelist_pop(list);
	int number;

	if (link != NULL) {
		EXPECT(__atomic_exchange_n(&node_of(link)->held, 1, __ATOMIC_RELAXED) == 0);
		__atomic_fetch_add(&popped, 1, __ATOMIC_RELAXED);
		return node_of(link);
	}
	number = draw(random) % 4 == 0 ? __atomic_fetch_add(&supply, 1, __ATOMIC_RELAXED) : NODES;
	return number < NODES ? &nodes[number] : NULL;
}

static void put(struct node *const *held, int count, bool overflow)
{
	for (int i = 0; i < count; i++) {
		EXPECT(__atomic_exchange_n(&held[i]->held, 0, __ATOMIC_RELAXED) == 1);
		held[i]->link.next = i + 1 < count ? &held[i + 1]->link : NULL;
	}
	if (count > 0 && overflow)
		rki_freelist_push_slow(list, &held[0]->link, &held[count - 1]->link, RK_NO_RSEQ);
	else if (count == 1)
		rk_freelist_push(list, &held[0]->link);
	else if (count > 1)
		rk_freelist_push_chain(list, &held[0]->link, &held[count - 1]->link);
}

static void use(uint64_t *random)
{
	struct node *held[4];
	int count = 0;

	for (int wanted = 1 + (int)(draw(random) % 4); wanted > 0; wanted--) {
		held[count] = take(random);
		count += held[count] != NULL;
	}
	put(held, count, draw(random) % 8 == 0);
}

static void live(struct storm_thread *t)
{
	storm_use(t, use);
}

static void handle(struct storm_thread *t)
{
	struct rk_freelist_node *rest;

	for (int i = 0; i < 4; i++)
		use(&t->handler_random);
	if (draw(&t->handler_random) % 16 != 0)
		return;
	(void)rk_freelist_drain(list, any_cpu(&t->handler_random), &rest);
	for (struct rk_freelist_node *next; rest != NULL; rest = next) {
		next = rest->next;
		rk_freelist_push(list, rest);
	}
}

/* Checks in a child that each node in a list is there once, and that lists work. */
static int child(void)
{
	uint64_t random = 88172645463325252;
	struct rk_freelist_node *rest;
	int count;

	alarm(60);
	CHECK(rk_freelist_drain_all(list, &rest) == 0);
	count = hold_all(rest);
	CHECK(count <= NODES);
	for (int i = 0; i < 100; i++)
		use(&random);
	CHECK(rk_freelist_drain_all(list, &rest) == 0 && hold_all(rest) <= NODES - count);
	return wrong == 0 ? 0 : 1;
}

static void *keep_draining(void *stop)
{
	uint64_t random = 2463534242 ^ (uintptr_t)&random;

	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		struct rk_freelist_node *rest;
		int r = draw(&random) % 8 == 0 ? rk_freelist_drain_all(list, &rest) :
						 rk_freelist_drain(list, any_cpu(&random), &rest);

		EXPECT(r == 0 || r == -EBUSY);
		__atomic_fetch_add(r == 0 ? &drains : &drains_refused, 1, __ATOMIC_RELAXED);
		for (struct rk_freelist_node *next; rest != NULL; rest = next) {
			next = rest->next;
			EXPECT(node_of(rest)->held == 0);
			rest->next = (struct rk_freelist_node *)0x5e; /* a thread that still reads the node would crash */
			__atomic_fetch_add(&drained_nodes, 1, __ATOMIC_RELAXED);
			rk_freelist_push(list, rest);
		}
		if (draw(&random) % 4 == 0)
			usleep(20);
	}
	return NULL;
}

static bool enough(void)
{
	return count_now(&popped) > 0 && count_now(&drains) > 0;
}

static void storm(void **state)
{
	static const struct storm weather = {live, handle, NULL, child, keep_draining, 2, enough};
	struct rk_freelist_node *rest;
	int out;

	(void)state;
	create();
	storm_run(&weather);
	out = supply < NODES ? supply : NODES;
	printf("# %llu popped, %llu drained in %llu drains, %llu refused; %d nodes\n", (unsigned long long)popped,
	       (unsigned long long)drained_nodes, (unsigned long long)drains, (unsigned long long)drains_refused, out);
	assert_int_equal(rk_freelist_drain_all(list, &rest), 0);
	assert_int_equal(hold_all(rest), out);
	assert_true(enough());
	assert_int_equal(wrong, 0);
	assert_int_equal(rk_freelist_destroy(list, &rest), 0);
	assert_null(rest);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(storm),
};

RUN(tests)
