/* SPDX-License-Identifier: MIT */
/*
 * test_adopter.c - tests early adopters (components that define __rseq_abi) and users of embed.h together with copies of this
 * library. In this file, early adopters and users of embed.h are both called adopters.
 *
 * The adopter is in the executable, in a library loaded with the executable, or in a library opened by dlopen(). The copy is
 * hidden in a module, or is the shared library. In some threads the adopter is used first, in other threads the copy.
 *
 * If our copy can see the adopter's symbols, our copy and the adopter use one area. Even if our copy can't, no component aborts
 * and all counts are exact.
 */
#include "test.h"
#include "load.h"

static const struct neighbour *adopter;
static const struct copy *copy;
static struct rk_counter *counter;
static bool tagged_form, embedded_form;
static bool preloaded; /* librseqkit-preload.so is in this program */
static bool visible; /* true: our copy can see the adopter's symbols */

static void load_copy(const char *module)
{
	void *handle;

	copy = load_copy_of_rseqkit(module, LOCAL, &handle);
	CHECK(copy != NULL);
	CHECK(copy->create(&counter) == 0);
}

/* If LATE, the adopter is in a module that this function opens. Otherwise the adopter is linked to this program. */
static void load_the_adopter(void)
{
#if LATE
	adopter = load_neighbour(getenv("ADOPTER"), visible ? GLOBAL : LOCAL);
#else
	adopter = neighbour_calls();
#endif
	CHECK(adopter != NULL);
}

/* Runs in each thread: the adopter enters before our copy or after it, and leaves before the copy's last adds or after them. */
static void *live(void *arg)
{
	uintptr_t order = (uintptr_t)arg % 4;
	struct rk_process_info info;
	bool fast_before;

	if (order == 0 || order == 3)
		CHECK(adopter->enter() == 0);
	for (int i = 0; i < 500; i++)
		copy->add(counter, 1);
	if (order == 1 || order == 2)
		CHECK(adopter->enter() == 0);
	fast_before = adopter->is_fast();
	CHECK(!fast_before || adopter->work());
	if (visible)
		CHECK(copy->reg() == 0);
	for (int i = 0; i < 500; i++)
		copy->add(counter, 1);
	if (order >= 2) {
		CHECK(adopter->leave());
		CHECK(!visible || copy->area() != NULL);
		for (int i = 0; i < 1000; i++)
			copy->add(counter, 1);
	} else {
		for (int i = 0; i < 1000; i++)
			copy->add(counter, 1);
		CHECK(!fast_before || adopter->work());
		CHECK(adopter->leave());
	}
	if (visible && embedded_form) {
		CHECK(adopter->owner() == (int)copy->owner());
		CHECK(adopter->area() == copy->area());
	}
	if (visible) {
		/* The copy counts as a user of the area, so the thread stayed registered when the adopter's last user left. */
		CHECK(copy->area() != NULL);
		CHECK(copy->unreg() == 0);
		/* The copy and the adopter share one registration, which outlives the adopter's use. */
		CHECK(copy->prepare() == 0);
		CHECK(copy->owner() == (embedded_form ? world_owner() : RK_OWNER_EARLY));
		CHECK(fast_before);
		CHECK(copy->query(&info, sizeof(info)) == 0);
		CHECK(kernel_says_registered(copy->area(), info.length));
		CHECK(adopter->area() == NULL || adopter->area() == copy->area());
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
	/*
	 * If the build ignores the libc's area, only a copy of the library provides an area. If the libc has an area and doesn't
	 * register threads, embed.h registers no thread. In both cases embed.h must wait for a copy. With a preloaded object, a
	 * copy is there at once.
	 */
	bool waits = embedded_form && !preloaded &&
		     (strcmp(getenv("LIBC_AREA"), "false") == 0 || world_owner() == RK_OWNER_SELF);

	load_the_adopter();
	CHECK(adopter->enter() == (waits ? -ENOTSUP : 0));
	CHECK(adopter->is_fast() == !waits);
	CHECK(!waits || (adopter->area() == NULL && adopter->owner() == RK_OWNER_NONE && !kernel_says_any()));
	load_copy(getenv("COPY"));
	if (embedded_form) {
		CHECK(copy->prepare() == 0 && copy->owner() == world_owner());
		CHECK(adopter->enter() == 0 && adopter->area() == copy->area());
		CHECK(adopter->owner() == (int)copy->owner());
	}
	many_lives(threads);
	return 0;
}

static int we_first(int threads)
{
	load_copy(getenv("COPY"));
	CHECK(copy->prepare() == 0);
	copy->add(counter, 0);
	load_the_adopter();
	if (LATE && !embedded_form)
		visible = false; /* our copy looked for the adopter's symbol before the symbol existed */
	CHECK(adopter->enter() == 0);
	/*
	 * If the copy and the adopter can't see each other, the kernel refuses the adopter's registration. A tagged adopter
	 * (neighbours/early.c) then chooses its slow mode.
	 */
	if (visible || tagged_form)
		CHECK(adopter->is_fast() == visible);
	many_lives(threads);
	return 0;
}

/*
 * Another component has registered the thread in the libc's area, which the libc doesn't use. The embed.h of release 0.1 did so.
 * Copies of the library and embed.h use this area, with RSEQKIT_AREA=own, too.
 */
static int old_embedded_first(int threads)
{
	const ptrdiff_t *offset = dlsym(RTLD_DEFAULT, "__rseq_offset");
	const volatile void *area;

	CHECK(offset != NULL);
	area = rk_area_at(*offset);
	CHECK(syscall(quiet_rseq(), area, 32, 0, RK_SIGNATURE) == 0);
	load_the_adopter();
	CHECK(adopter->enter() == 0 && adopter->area() == area && adopter->owner() == RK_OWNER_SELF);
	load_copy(getenv("COPY"));
	CHECK(copy->prepare() == 0 && copy->area() == area && copy->owner() == RK_OWNER_SELF);
	CHECK(adopter->leave() && kernel_says_registered(area, 32));
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
	if (!tagged_form && !embedded_form && (LATE || !visible))
		SKIP("the kernel refuses a counted adopter that comes second and can't be seen; its own code handles this error");
	assert_int_equal(in_child_with(we_first, (int)ROUNDS(800)), 0);
}

static void old_embedded_comes_first(void **state)
{
	(void)state;
	if (strcmp(getenv("LIBC_AREA"), "false") == 0)
		SKIP("this build ignores the libc's area");
	if (preloaded || world_owner() != RK_OWNER_SELF)
		SKIP("the libc or a preloaded object has registered this thread");
	assert_int_equal(in_child_with(old_embedded_first, (int)ROUNDS(800)), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(adopter_comes_first),
	cmocka_unit_test(we_come_first),
};

static const struct CMUnitTest embedded_tests[] = {
	cmocka_unit_test(adopter_comes_first),
	cmocka_unit_test(we_come_first),
	cmocka_unit_test(old_embedded_comes_first),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(240);
	tagged_form = strcmp(getenv("FORM"), "tagged") == 0;
	embedded_form = strcmp(getenv("FORM"), "embedded") == 0;
	visible = strcmp(getenv("VISIBLE"), "yes") == 0;
	preloaded = getenv("LD_PRELOAD") != NULL && strstr(getenv("LD_PRELOAD"), "librseqkit-preload") != NULL;
	return embedded_form ? cmocka_run_group_tests(embedded_tests, NULL, NULL) : cmocka_run_group_tests(tests, NULL, NULL);
}
