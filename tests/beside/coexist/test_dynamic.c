/* SPDX-License-Identifier: MIT */
/*
 * test_dynamic.c - tests copies of the library and users of embed.h that are loaded after a certain module. The __rseq_abi of
 * this module is in dynamic TLS and visible to all modules. The copies and users must load. They must not use this __rseq_abi,
 * and copies must count exactly.
 *
 * If the libc doesn't register threads, a user of embed.h finds no area until a copy of the library has registered the thread.
 */
#include "test.h"
#include "load.h"

static void load_dynamic(void)
{
	const struct neighbour *dynamic = load_neighbour("dynamic", GLOBAL);

	/* The first access makes the dynamic linker allocate __rseq_abi. After that __rseq_abi can't move to static TLS. */
	CHECK(dynamic != NULL && dynamic->users() == 0 && !dynamic->is_fast());
}

static int copies_load(void)
{
	static const char *const modules[] = {"copy-static-a.so", "copy-shared.so"};
	struct rk_counter *counter;

	load_dynamic();
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		void *handle;
		const struct copy *copy = load_copy_of_rseqkit(modules[i], LOCAL, &handle);

		CHECK(copy != NULL && copy->create(&counter) == 0);
		copy->add(counter, 5);
		CHECK(copy->sum(counter) == 5 && copy->owner() != RK_OWNER_EARLY);
		/* A copy that doesn't see threads start registers no thread, because the module is able to register threads. */
		CHECK(copy->owner() != RK_OWNER_NONE || copy->reason() == RK_REASON_STRANGER);
	}
	return 0;
}

static int embedded_loads(void)
{
	bool waits = world_owner() != RK_OWNER_LIBC || strcmp(getenv("LIBC_AREA"), "true") != 0;
	bool registered = kernel_says_any();
	const struct neighbour *embedded;
	const struct copy *copy;
	void *handle;

	load_dynamic();
	embedded = load_neighbour("embedded", LOCAL);
	CHECK(embedded != NULL && embedded->leave());
	CHECK(embedded->enter() == (waits ? -ENOTSUP : 0) && embedded->is_fast() == !waits);
	CHECK(kernel_says_any() == registered);
	copy = load_copy_of_rseqkit("copy-static-a.so", LOCAL, &handle);
	CHECK(copy != NULL);
	/* If a copy has an area of its own and doesn't see threads start, it registers none: see copies_load(). */
	if (copy->prepare() != 0) {
		CHECK(copy->reason() == RK_REASON_STRANGER || copy->owner() == RK_OWNER_FOREIGN);
		return 0;
	}
	CHECK(embedded->enter() == 0 && embedded->area() == copy->area() && embedded->owner() == (int)copy->owner());
	return 0;
}

static void run_one(void **state)
{
	int (*body)(void);

	*(void **)&body = *state;
#ifdef __aarch64__
	SKIP("descriptors, which this machine's modules use, make small TLS static where there is room");
#endif
	assert_int_equal(in_child(body), 0);
}

#define TEST(body) {.name = #body, .test_func = run_one, .initial_state = (void *)(uintptr_t)(body)}

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(copies_load), TEST(embedded_loads)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(TEST_SECONDS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
