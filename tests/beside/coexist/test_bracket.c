/* SPDX-License-Identifier: MIT */
/*
 * test_bracket.c - tests the bracket around vfork, from rk_vfork_begin() to rk_vfork_end(), in a process with other components.
 * Copies of the library, users of embed.h and an early adopter (a component that defines __rseq_abi) see that the bracket is
 * open, and don't register the thread. A stranger, a component that follows no protocol, doesn't know brackets. If it registers
 * the thread inside the bracket, or a vfork child registers the thread's area, rk_vfork_end() returns -ECANCELED.
 */
#include "refuse.h"
#include "bracket.h"

#define CHILDREN 20
#define CHILD_ADDS 200000

static void load_hidden_and_shared(void)
{
	load_pair("copy-static-a.so", "copy-shared.so");
}

static int copies_see_it(void)
{
	load_shared_and_hidden();
	CHECK(opener->vfork_begin() == 0);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	check_open();
	CHECK(other->sum(counter) == 1);
	return 0;
}

static int copies_see_it_the_other_way(void)
{
	load_hidden_and_shared();
	CHECK(opener->vfork_begin() == 0);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	check_open();
	return 0;
}

static int brackets_of_two_copies_nest(void)
{
	load_shared_and_hidden();
	CHECK(opener->vfork_begin() == 0 && other->vfork_begin() == 0);
	check_closed();
	CHECK(other->vfork_end() == 0);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	check_open();
	return 0;
}

/*
 * A thread that was unregistered before the bracket is unregistered after the bracket. If the libc doesn't register threads, the
 * library can then register the thread.
 */
static void *bracket_unregistered(void *arg)
{
	(void)arg;
	CHECK(syscall(quiet_rseq(), opener->area(), 32, 1, RK_SIGNATURE) == 0 ||
	      syscall(quiet_rseq(), opener->area(), 33, 1, RK_SIGNATURE) == 0 || !kernel_says_any());
	CHECK(!kernel_says_any());
	CHECK(opener->vfork_begin() == 0);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	CHECK(!kernel_says_any());
	CHECK(world_owner() == RK_OWNER_LIBC || (other->prepare() == 0 && kernel_says_any()));
	return NULL;
}

static int unregistered_stays_so(void)
{
	pthread_t thread;

	load_shared_and_hidden();
	CHECK(pthread_create(&thread, NULL, bracket_unregistered, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	return 0;
}

static int embedded_sees_it(void)
{
	const struct neighbour *embedded = load_neighbour("embedded", LOCAL);

	CHECK(embedded != NULL);
	load_shared_and_hidden();
	CHECK(embedded->enter() == 0);
	CHECK(opener->vfork_begin() == 0);
	CHECK(embedded->enter() == -EAGAIN && !kernel_says_any());
	CHECK(opener->vfork_end() == 0);
	CHECK(embedded->enter() == 0 && embedded->is_fast());
	check_open();
	return 0;
}

/*
 * The adopter's work() stores a pointer in cpu_id_start. Returns true if the kernel was booted with rseq_debug=1, and so kills a
 * process that does this.
 */
static bool kernel_minds_stores(void)
{
	char line[4096] = "";
	FILE *file = fopen("/proc/cmdline", "r");
	bool minds;

	minds = file != NULL && fgets(line, sizeof(line), file) != NULL && strstr(line, "rseq_debug=1") != NULL;
	if (file != NULL)
		fclose(file);
	return minds;
}

/*
 * The adopter comes first, and the copies use its area. If the adopter tried to register the thread inside the bracket and
 * failed, it would abort.
 */
static int adopter_sees_it(void)
{
	const struct neighbour *tagged = load_neighbour("tagged", GLOBAL);

	CHECK(tagged != NULL);
	CHECK(tagged->enter() == 0 && tagged->is_fast());
	load_shared_and_hidden();
	CHECK(opener->owner() == RK_OWNER_EARLY);
	CHECK(opener->vfork_begin() == 0);
	CHECK(tagged->enter() == 0);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	CHECK(tagged->enter() == 0 && tagged->is_fast() && (kernel_minds_stores() || tagged->work()));
	check_open();
	return 0;
}

static bool stranger_registers_here(const volatile void *area, uint32_t length)
{
	return syscall(quiet_rseq(), area, length, 0, RK_SIGNATURE) == 0;
}

/* Returns the area and the length of the registration, so that a stranger can register the same area. */
static const volatile void *place(uint32_t *length)
{
	const volatile void *area = opener->area();

	*length = kernel_says_registered(area, 32) ? 32 : 33;
	return area;
}

static int stranger_breaks_it(void)
{
	const volatile void *area;
	uint32_t length;

	load_shared_and_hidden();
	area = place(&length);
	CHECK(opener->vfork_begin() == 0);
	CHECK(stranger_registers_here(area, length));
	CHECK(opener->vfork_end() == -ECANCELED);
	check_open();
	/*
	 * The stranger registers the thread inside the inner one of two brackets. The end of the inner bracket unregisters the
	 * thread, because the outer bracket is still open.
	 */
	CHECK(opener->vfork_begin() == 0 && opener->vfork_begin() == 0);
	CHECK(stranger_registers_here(area, length));
	CHECK(opener->vfork_end() == -ECANCELED);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	check_open();
	return 0;
}

/*
 * A vfork child registers its parent's area. This registration ends with the child. The child leaves a CPU number in the area,
 * but the parent isn't registered.
 */
static int child_breaks_it(void)
{
	const volatile void *area;
	uint32_t length;
	pid_t pid;

	load_shared_and_hidden();
	area = place(&length);
	CHECK(opener->vfork_begin() == 0);
	pid = vfork();
	if (pid == 0)
		_exit(stranger_registers_here(area, length) ? 0 : 1);
	CHECK(exit_status_of(pid) == 0);
	CHECK(!kernel_says_any());
	CHECK(opener->vfork_end() == -ECANCELED);
	check_open();
	/*
	 * A child registers the area inside the inner one of two brackets. It leaves a CPU number, but no registration that the
	 * end of the inner bracket could undo.
	 */
	CHECK(opener->vfork_begin() == 0 && opener->vfork_begin() == 0);
	pid = vfork();
	if (pid == 0)
		_exit(stranger_registers_here(area, length) ? 0 : 1);
	CHECK(exit_status_of(pid) == 0);
	CHECK(opener->vfork_end() == -ECANCELED);
	check_closed();
	CHECK(opener->vfork_end() == 0);
	check_open();
	return 0;
}

static volatile bool busy;

static void *add_on_first_cpu(void *arg)
{
	int64_t *adds = arg;

	pin(0);
	for (; busy; *adds += 1000)
		for (int i = 0; i < 1000; i++)
			other->add(counter, 1);
	return NULL;
}

/* The other copy adds inside the bracket, and then in a child on another CPU. No add is lost. */
static int nothing_is_lost(void)
{
	pthread_t thread;
	int64_t adds = 0;

	load_shared_and_hidden();
	pin(0);
	busy = true;
	CHECK(pthread_create(&thread, NULL, add_on_first_cpu, &adds) == 0);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid;

		CHECK(opener->vfork_begin() == 0);
		other->add(counter, 1);
		pid = vfork();
		if (pid == 0) {
			pin(1);
			for (int n = 0; n < CHILD_ADDS; n++)
				other->add(counter, 1);
			_exit(0);
		}
		CHECK(exit_status_of(pid) == 0);
		CHECK(opener->vfork_end() == 0);
	}
	busy = false;
	pthread_join(thread, NULL);
	CHECK(other->sum(counter) == adds + CHILDREN * (CHILD_ADDS + 1));
	return 0;
}

static void run_one(void **state)
{
	int (*body)(void);

	NEEDS_VFORK();
	NEEDS_RSEQ();
	*(void **)&body = *state;
	if (body == adopter_sees_it && world_owner() == RK_OWNER_LIBC)
		SKIP("if the libc registers threads, there is no adopter");
	if (body == nothing_is_lost && sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP("this test needs two CPUs");
	assert_int_equal(in_child(body), 0);
}

#define TEST(body) {.name = #body, .test_func = run_one, .initial_state = (void *)(uintptr_t)(body)}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copies_see_it), TEST(copies_see_it_the_other_way), TEST(brackets_of_two_copies_nest),
		TEST(unregistered_stays_so), TEST(embedded_sees_it), TEST(adopter_sees_it), TEST(stranger_breaks_it),
		TEST(child_breaks_it), TEST(nothing_is_lost),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(TEST_SECONDS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
