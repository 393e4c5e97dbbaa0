/* SPDX-License-Identifier: MIT */
/*
 * Early adopters of the public TLS protocol in the executable, and copies of this library linked, loaded late, or
 * hidden in a module: who comes first differs, thread by thread. Where ours can see theirs, both work in one area;
 * where it can't, nobody aborts; everyone stays exact.
 */
#include "../unit/test.h"
#include <dlfcn.h>
#include "adopter.h"
#include "copy.h"

static const struct copy *copy;
static struct rk_counter *counter;
static bool tagged_form, visible;

static void load_copy(const char *module)
{
	char path[4096];
	copy_function *function;
	void *handle;

	snprintf(path, sizeof(path), "%s/%s", getenv("MODULES"), module);
	handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL)
		fprintf(stderr, "# %s\n", dlerror());
	CHECK(handle != NULL);
	*(void **)&function = dlsym(handle, "copy_of_rseqkit");
	CHECK(function != NULL);
	copy = function();
	CHECK(copy->create(&counter) == 0);
}

/* Each thread: the adopter enters before us, after us, or leaves while we still operate. */
static void *live(void *arg)
{
	uintptr_t order = (uintptr_t)arg % 4;
	bool fast_before;

	if (order == 0 || order == 3)
		CHECK(adopter_enter());
	for (int i = 0; i < 500; i++)
		copy->add(counter, 1);
	if (order == 1 || order == 2)
		CHECK(adopter_enter());
	fast_before = adopter_is_fast();
	CHECK(!fast_before || adopter_work());
	if (visible)
		CHECK(copy->reg() == 0);
	for (int i = 0; i < 500; i++)
		copy->add(counter, 1);
	if (order >= 2) {
		CHECK(adopter_leave());
		CHECK(!visible || copy->area() != NULL);
		for (int i = 0; i < 1000; i++)
			copy->add(counter, 1);
	} else {
		for (int i = 0; i < 1000; i++)
			copy->add(counter, 1);
		CHECK(!fast_before || adopter_work());
		CHECK(adopter_leave());
	}
	if (visible) {
		/* We count, whoever was first: the adopter's last user hasn't taken the thread from an explicit user. */
		CHECK(copy->area() != NULL);
		CHECK(copy->unreg() == 0);
		/* One registration, theirs and ours; still there now that the adopter has left. */
		CHECK(copy->prepare() == 0);
		CHECK(copy->owner() == RK_OWNER_EARLY);
		CHECK(fast_before);
		CHECK(kernel_says_registered(copy->area(), 32));
	}
	return NULL;
}

static void many_lives(int threads)
{
	for (int i = 0; i < threads; i += 4) {
		pthread_t batch[4];

		for (int k = 0; k < 4; k++)
			CHECK(pthread_create(&batch[k], NULL, live, (void *)(uintptr_t)(i / 4 + k)) == 0);
		for (int k = 0; k < 4; k++)
			pthread_join(batch[k], NULL);
	}
	CHECK(copy->sum(counter) == 2000 * (int64_t)threads);
}

static int adopter_first(int threads)
{
	CHECK(adopter_enter());
	CHECK(adopter_is_fast());
	load_copy(getenv("COPY"));
	many_lives(threads);
	return 0;
}

static int we_first(int threads)
{
	load_copy(getenv("COPY"));
	CHECK(copy->prepare() == 0);
	copy->add(counter, 0);
	CHECK(adopter_enter());
	/* Where it can't be seen, the adopter finds the thread taken, and settles for its slow mode. */
	if (visible || tagged_form)
		CHECK(adopter_is_fast() == visible);
	many_lives(threads);
	return 0;
}

static void adopter_comes_first(void **state)
{
	(void)state;
	assert_int_equal(in_child_with(adopter_first, (int)ROUNDS(800)), 0);
}

static void we_come_first(void **state)
{
	(void)state;
	if (!visible && !tagged_form)
		SKIP("a counted adopter that can't be seen, and comes second, is refused by the kernel: its own error path");
	assert_int_equal(in_child_with(we_first, (int)ROUNDS(800)), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(adopter_comes_first),
	cmocka_unit_test(we_come_first),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(240);
	tagged_form = strcmp(getenv("FORM"), "tagged") == 0;
	visible = strcmp(getenv("VISIBLE"), "yes") == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
