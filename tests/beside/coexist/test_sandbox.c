/* SPDX-License-Identifier: MIT */
/*
 * test_sandbox.c - tests a module with a copy of the library that is loaded in a sandboxed thread. In this thread rseq fails
 * with EPERM, but other threads can still use rseq.
 *
 * The copy must not conclude from the filter's answer that the whole process has no rseq. It must choose the same area as a
 * second copy that is loaded without a filter, earlier or later. Both copies must use rseq in other threads.
 *
 * EPERM can also be the kernel's answer about an existing registration. The copy must not mistake the filter's EPERM for this
 * answer. With ZEROED, the program has an area __rseq_abi in which cpu_id is 0, although no thread is registered there. By the
 * public TLS protocol cpu_id must be -1. The copy must not use this area.
 */
#include "refuse.h"
#include <rseqkit/embed.h>
#include "load.h"

#ifdef ZEROED
#define ZEROED_HERE true
#else
#define ZEROED_HERE false
#endif

/* A case: the error that the filter returns, and whether another copy was loaded before. */
struct sandbox {
	int error;
	bool second;
};

static const struct copy *copies[2];

static const struct copy *load(const char *variable)
{
	void *handle;
	const struct copy *copy = load_copy_of_rseqkit(getenv(variable), LOCAL, &handle);

	CHECK(copy != NULL);
	return copy;
}

#ifndef ZEROED
static void *load_sandboxed(void *arg)
{
	const struct sandbox *sandbox = arg;

	refuse(SYS_rseq, SYS_rseq, sandbox->error);
	copies[1] = load("COPY_B");
	return NULL;
}

static int decided_in_a_sandbox(int number)
{
	struct sandbox sandbox = {EPERM, number == 1};
	pthread_t thread;

	if (sandbox.second)
		copies[0] = load("COPY_A");
	CHECK(pthread_create(&thread, NULL, load_sandboxed, &sandbox) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	if (!sandbox.second)
		copies[0] = load("COPY_A");
	for (int i = 0; i < 2; i++) {
		CHECK(copies[i]->prepare() == 0);
		CHECK(copies[i]->owner() == world_owner());
		CHECK(copies[i]->provider() == (world_owner() == RK_OWNER_LIBC ? RK_KTLS_LIBC : RK_KTLS_LIBRARY));
	}
	CHECK(copies[0]->area() == copies[1]->area());
	return 0;
}

static void copies_agree_all_the_same(void **state)
{
	(void)state;
	if (!world_has_rseq())
		SKIP("another component has rseq");
	for (int i = 0; i < 2; i++)
		assert_int_equal(in_child_with(decided_in_a_sandbox, i), 0);
}
#endif

/* The whole process is sandboxed before a copy is loaded. */
static int sandboxed_before(int error)
{
	enum rk_reason reason = error == EPERM ? RK_REASON_BLOCKED : RK_REASON_NO_KERNEL;
	struct rk_process_info info;
	struct rk_counter *counter;

	refuse(SYS_rseq, SYS_rseq, error);
	copies[0] = load("COPY_A");
	if (world_owner() == RK_OWNER_LIBC) {
		CHECK(copies[0]->prepare() == 0 && copies[0]->owner() == RK_OWNER_LIBC);
		/* Under the filter the copy can't find out the length of the libc's registration. */
		CHECK(copies[0]->query(&info, sizeof(info)) == 0 && info.length == 0);
	} else {
		CHECK(copies[0]->prepare() < 0 && copies[0]->owner() == RK_OWNER_NONE);
		/*
		 * The module that exports __rseq_abi is able to register threads that have no filter. If the build uses areas of
		 * our own, this fact alone is a reason not to register threads.
		 */
		CHECK(copies[0]->reason() == reason ||
		      (ZEROED_HERE && error == EPERM && copies[0]->reason() == RK_REASON_STRANGER));
		CHECK(rke_thread_area() == NULL);
	}
	CHECK(copies[0]->create(&counter) == 0);
	copies[0]->add(counter, 7);
	CHECK(copies[0]->sum(counter) == 7);
	return 0;
}

static void the_reason_is_the_filter(void **state)
{
	(void)state;
	assert_int_equal(in_child_with(sandboxed_before, ENOSYS), 0);
	assert_int_equal(in_child_with(sandboxed_before, EPERM), 0);
}

static const struct CMUnitTest tests[] = {
#ifndef ZEROED
	cmocka_unit_test(copies_agree_all_the_same),
#endif
	cmocka_unit_test(the_reason_is_the_filter),
};

RUN(tests)
