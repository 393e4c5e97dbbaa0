/* SPDX-License-Identifier: MIT */
/*
 * test_registrar.c - tests this library in a process with librseq, which registers threads itself (librseq.c is its stand-in).
 * librseq must get all registrations that it would get without us, because it ends the process if a request is refused after a
 * success. Counters must be exact, and our operations must be fast in threads that librseq registered.
 *
 * The stand-in is linked to this program. In some variants this library is also linked, before or after the stand-in. Runs only
 * if the libc doesn't register.
 */
#include "test.h"
#include "../neighbours/librseq.h"
#include "load.h"

#define THREADS 8

static const struct copy *copy;
static struct rk_counter *counter;

static void load_copy(void)
{
	void *handle;

	copy = load_copy_of_rseqkit(getenv("COPY"), LOCAL, &handle);
	CHECK(copy != NULL && copy->create(&counter) == 0);
}

static const volatile void *its_area(void)
{
	return rk_area_at(rseq_offset);
}

/* A thread that librseq hasn't registered uses the fallback and stays unregistered. */
static void check_waits(void)
{
	CHECK(!kernel_says_any());
	CHECK(copy->prepare() == -EBUSY && copy->reason() == RK_REASON_STRANGER && copy->owner() == RK_OWNER_NONE);
	copy->add(counter, 1);
	CHECK(!kernel_says_any());
}

static void check_shares(void)
{
	CHECK(copy->prepare() == 0 && copy->reason() == RK_REASON_NONE && copy->owner() == RK_OWNER_LIBRSEQ);
	CHECK(copy->provider() == RK_KTLS_OTHERS);
	CHECK(copy->area() == its_area() && kernel_says_registered(its_area(), 32));
	copy->add(counter, 1);
}

static void *live(void *arg)
{
	check_waits();
	if (arg != NULL) {
		CHECK(rseq_register_current_thread() == 0);
		check_shares();
	}
	for (int i = 0; i < 100000; i++)
		copy->add(counter, 1);
	return NULL;
}

static int its_threads_are_shared(void)
{
	pthread_t threads[THREADS];
	int64_t adds = 0;

	load_copy();
	check_waits();
	for (size_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, live, i % 2 ? &counter : NULL) == 0);
	for (size_t i = 0; i < THREADS; i++, adds += 100001 + (i % 2 == 0))
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(rseq_register_current_thread() == 0);
	check_shares();
	CHECK(copy->sum(counter) == adds + 2);
	return 0;
}

static int embedded_shares(void)
{
	const struct neighbour *embedded = load_neighbour("embedded", LOCAL);

	CHECK(embedded != NULL);
	CHECK(embedded->enter() == -ENOTSUP && !kernel_says_any());
	CHECK(rseq_register_current_thread() == 0);
	CHECK(embedded->enter() == 0 && embedded->is_fast() && embedded->area() == its_area());
	return 0;
}

/* rk_vfork_begin() undoes librseq's registration, and rk_vfork_end() restores it. */
static int bracket_around_its_thread(void)
{
	load_copy();
	CHECK(rseq_register_current_thread() == 0);
	CHECK(copy->vfork_begin() == 0 && !kernel_says_any());
	CHECK(copy->prepare() == -EAGAIN);
	CHECK(copy->vfork_end() == 0);
	check_shares();
	return 0;
}

/* A module exports an area of the public TLS protocol, and librseq registers the thread first. */
static void *register_first(void *unused)
{
	CHECK(rseq_register_current_thread() == 0);
	copy->add(counter, 1);
	CHECK(copy->prepare() == -EBUSY && copy->owner() == RK_OWNER_LIBRSEQ);
	return unused;
}

static int an_early_adopter_is_there(void)
{
	pthread_t thread;

	load_copy();
	CHECK(pthread_create(&thread, NULL, register_first, NULL) == 0 && pthread_join(thread, NULL) == 0);
	return 0;
}

static void run_one(void **state)
{
	int (*body)(void);

	*(void **)&body = *state;
	assert_int_equal(in_child(body), 0);
}

#define TEST(body) {.name = #body, .test_func = run_one, .initial_state = (void *)(uintptr_t)(body)}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(its_threads_are_shared), TEST(embedded_shares), TEST(bracket_around_its_thread),
	};
	const struct CMUnitTest beside[] = {TEST(an_early_adopter_is_there)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(240);
	return getenv("EARLY") != NULL ? cmocka_run_group_tests(beside, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
