/* SPDX-License-Identifier: MIT */
/*
 * test_namespaces.c - tests two namespaces of dlmopen(), each with an early adopter (neighbours/early.c) and a copy of the
 * library.
 *
 * Both copies use the area of the first adopter. They must not raise the second adopter's count of users
 * (__rseq_refcount). Otherwise the second adopter would treat its own area as registered.
 */
#include "test.h"
#include "load.h"

static int two_namespaces(void)
{
	const struct neighbour *first = load_neighbour("counted", GLOBAL), *second;
	const struct copy *copies[2];
	struct rk_counter *counter;
	neighbour_function *function;
	void *handle;

	CHECK(first != NULL);
	copies[0] = load_copy_of_rseqkit("copy-static-a.so", LOCAL, &handle);
	CHECK(copies[0] != NULL && copies[0]->owner() == RK_OWNER_EARLY);
	CHECK(copies[0]->area() == first->area() && first->users() == 1);
	copies[1] = load_copy_of_rseqkit("pair.so", NAMESPACE, &handle);
	CHECK(copies[1] != NULL && copies[1]->prepare() == 0);
	CHECK(copies[1]->owner() == RK_OWNER_EARLY && copies[1]->area() == first->area());
	*(void **)&function = dlsym(handle, "neighbour_calls");
	second = function();
	CHECK(second->area() != first->area());
	/* The second adopter's registration fails, and the adopter sees the error. */
	CHECK(second->users() == 0);
	CHECK(second->enter() == -EINVAL);
	/* The first adopter's last user doesn't undo the registration, because the copies hold the count at 1. */
	CHECK(first->enter() == 0 && first->leave() && first->users() == 1);
	CHECK(copies[1]->create(&counter) == 0);
	copies[1]->add(counter, 3);
	CHECK(copies[1]->sum(counter) == 3 && copies[1]->area() == first->area());
	return 0;
}

static void an_adopter_in_each(void **state)
{
	(void)state;
	if (SANITIZED)
		SKIP("a sanitizer's runtime can't be in two namespaces");
	assert_int_equal(in_child(two_namespaces), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(an_adopter_in_each),
};

RUN(tests)
