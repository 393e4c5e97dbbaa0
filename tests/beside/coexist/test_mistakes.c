/* SPDX-License-Identifier: MIT */
/*
 * test_mistakes.c - tests three classic mistakes with the public TLS protocol (__rseq_abi and a count of users). Shows the harm
 * that each mistake does, and that embed.h and copies of this library do no harm in the same arrangement of modules.
 *
 * The modules that make the mistakes are forms of neighbours/early.c. With EARLY the program defines the protocol's symbols. A
 * mistake's effects can't be undone, so each arrangement has its own process.
 */
#include "test.h"
#include <sched.h>
#include <sys/auxv.h>
#include "load.h"

/* Loads two modules of one form of neighbours/early.c. */
static void load_two(const char *kind, const struct neighbour *parties[2])
{
	char form[64];

	for (int i = 0; i < 2; i++) {
		snprintf(form, sizeof(form), "%s%s", kind, i == 0 ? "" : "-2");
		parties[i] = load_neighbour(form, GLOBAL);
		CHECK(parties[i] != NULL);
	}
}

/*
 * Without the protocol's symbols, embed.h needs a copy of the library. In builds that ignore the libc's area, the copy provides
 * an area. Otherwise the copy registers the thread in the libc's area, and embed.h registers no thread.
 */
static void load_embedded(const struct neighbour *parties[2])
{
	bool own_area = strcmp(getenv("LIBC_AREA"), "false") == 0;
	const struct copy *copy;
	void *handle;

	if (!EARLY && own_area)
		CHECK(load_copy_of_rseqkit("copy-static-a.so", LOCAL, &handle) != NULL);
	load_two("embedded", parties);
	if (EARLY || own_area)
		return;
	for (int i = 0; i < 2; i++)
		CHECK(parties[i]->enter() == -ENOTSUP && !parties[i]->work() && parties[i]->area() == NULL);
	CHECK(!kernel_says_any());
	copy = load_copy_of_rseqkit("copy-static-a.so", LOCAL, &handle);
	CHECK(copy != NULL && copy->prepare() == 0 && kernel_says_registered(copy->area(), 32));
	for (int i = 0; i < 2; i++) {
		CHECK(parties[i]->enter() == 0 && parties[i]->area() == copy->area());
		CHECK(parties[i]->owner() == (int)copy->owner() && parties[i]->leave() && kernel_says_any());
	}
}

/*
 * The mistake is a weak alias of a hidden object: all modules use the first module's area, but each module has its own hidden
 * count. The last user in one module unregisters the thread while the other module still uses the area.
 */
static int alias_unregisters(void)
{
	const struct neighbour *parties[2];

	load_two("alias", parties);
	CHECK(parties[0]->area() == parties[1]->area());
	CHECK(parties[0]->enter() == 0 && parties[1]->enter() == 0);
	CHECK(parties[0]->users() == 1 && parties[1]->users() == 1);
	CHECK(parties[1]->work());
	CHECK(parties[0]->leave());
	CHECK(parties[1]->users() == 1 && !parties[1]->work() && !kernel_says_any());
	return 0;
}

static int embedded_stay(void)
{
	const struct neighbour *parties[2];

	load_embedded(parties);
	CHECK(parties[0]->enter() == 0 && parties[1]->enter() == 0);
	CHECK(parties[0]->area() == parties[1]->area());
	CHECK(parties[0]->leave());
	CHECK(parties[1]->work() && kernel_says_any());
	return 0;
}

static int copies_stay(void)
{
	const struct copy *copies[2];

	load_two_copies(copies);
	CHECK(copies[0]->reg() == 0 && copies[1]->reg() == 0);
	CHECK(copies[0]->area() == copies[1]->area());
	CHECK(copies[0]->unreg() == 0);
	CHECK(copies[1]->area() != NULL && kernel_says_any());
	return 0;
}

static void weak_alias(void **state)
{
	(void)state;
	assert_int_equal(in_child(alias_unregisters), 0);
	assert_int_equal(in_child(embedded_stay), 0);
	assert_int_equal(in_child(copies_stay), 0);
}

/*
 * The mistake is hidden symbols, so each module has a private area. The kernel accepts the first module's registration and
 * refuses that of the second module.
 */
static int private_is_refused(void)
{
	const struct neighbour *parties[2];

	load_two("counted-hidden", parties);
	CHECK(parties[0]->area() != parties[1]->area());
	CHECK(parties[0]->enter() == 0 && parties[0]->work());
	CHECK(parties[1]->enter() == -EINVAL && !parties[1]->work());
	return 0;
}

static int embedded_share(void)
{
	const struct neighbour *parties[2];

	load_embedded(parties);
	CHECK(parties[0]->enter() == 0 && parties[0]->work());
	CHECK(parties[1]->enter() == 0 && parties[1]->work());
	return 0;
}

static int copies_share(void)
{
	const struct copy *copies[2];

	load_two_copies(copies);
	CHECK(copies[0]->reg() == 0 && copies[0]->area() != NULL);
	CHECK(copies[1]->reg() == 0 && copies[1]->area() != NULL);
	return 0;
}

static void hidden_objects(void **state)
{
	(void)state;
	assert_int_equal(in_child(private_is_refused), 0);
	assert_int_equal(in_child(embedded_share), 0);
	assert_int_equal(in_child(copies_share), 0);
}

/* Lets the kernel write the area's fields. */
static void be_preempted(void)
{
	usleep(1000);
	sched_yield();
}

/* Binds this process to its CPU, and returns that CPU's node. */
static unsigned node_here(void)
{
	unsigned cpu, node;
	cpu_set_t set;

	CHECK(syscall(SYS_getcpu, &cpu, NULL, NULL) == 0);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(sched_setaffinity(0, sizeof(set), &set) == 0);
	CHECK(syscall(SYS_getcpu, &cpu, &node, NULL) == 0);
	return node;
}

/*
 * The mistake is that the count is inside the area, at offset 20. The kernel stores the node there, and so overwrites the count.
 */
static int count_is_overwritten(void)
{
	const struct neighbour *party = load_neighbour("inside", GLOBAL);
	unsigned node = node_here();

	CHECK(party != NULL);
	/* The right count is the node's number plus 2, so it differs from the node's number on every node. */
	for (unsigned i = 0; i < node + 2; i++)
		CHECK(party->enter() == 0);
	be_preempted();
	CHECK(party->users() == node);
	/*
	 * On node 0 the kernel has set the count to 0. The next user takes the count to 1 when it enters, and back to 0 when it
	 * leaves. This unregisters the thread for all users.
	 */
	for (int i = 0; node == 0 && i < 1000 && party->work(); i++) {
		be_preempted();
		CHECK(party->enter() == 0);
		(void)party->leave();
	}
	CHECK(node != 0 || (!party->work() && !kernel_says_any()));
	return 0;
}

static int count_stays(void)
{
	const struct neighbour *parties[2];
	unsigned users = node_here() + 2;

	load_embedded(parties);
	for (unsigned i = 0; i < users; i++)
		CHECK(parties[0]->enter() == 0);
	for (int i = 0; i < 100; i++) {
		be_preempted();
		CHECK(parties[1]->enter() == 0);
		CHECK(!EARLY || parties[0]->users() == users + 1);
		CHECK(parties[1]->leave());
		CHECK(parties[0]->work());
	}
	CHECK(!EARLY || parties[0]->users() == users);
	return 0;
}

static int copies_count_stays(void)
{
	const struct copy *copies[2];

	load_two_copies(copies);
	CHECK(copies[0]->reg() == 0 && copies[0]->reg() == 0);
	be_preempted();
	CHECK(copies[0]->users() == 2);
	return 0;
}

static void count_inside_the_area(void **state)
{
	(void)state;
	if (getauxval(27) < RK_FIELD_END_NODE_ID)
		SKIP("this kernel doesn't write the node");
	assert_int_equal(in_child(count_is_overwritten), 0);
	assert_int_equal(in_child(count_stays), 0);
	assert_int_equal(in_child(copies_count_stays), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(weak_alias),
	cmocka_unit_test(hidden_objects),
	cmocka_unit_test(count_inside_the_area),
};

RUN(tests)
