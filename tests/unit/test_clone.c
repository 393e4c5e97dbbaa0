/* SPDX-License-Identifier: MIT */
/*
 * Tests threads that clone(2) made, without the C library. Some of these threads have their creator's TLS, the other threads
 * have TLS of their own. Each thread calls the library. Its creator's registration must stay as it was, and the sums of
 * counters must be exact. A world is a way in which threads get registered (test.h). The library either refuses the thread or
 * gives it an area of its own.
 *
 * The tests also show what the library can't prevent. An area can name a CPU without being registered. This happens if the
 * thread's TLS is the TLS of a registered creator, a copy of that TLS, or zero. With such an area, operations run unprotected,
 * so operations are forbidden in such a thread, as they are in a vfork child.
 */
#include "test.h"
#include <rseqkit/detail/agreement.h>
#include <sched.h>
#include <sys/mman.h>

static struct rk_counter *counter;

/* The results of a thread that clone(2) made. The thread stores them here. */
static volatile struct {
	int prepared;    /* the result of rk_thread_prepare() */
	bool registered; /* the kernel says that the thread is registered */
	bool at_area;    /* the kernel says that the thread is registered at the library's area */
	const volatile struct rk_area *area;
} found;

static int ask(void *arg)
{
	found.area = area_here();
	found.prepared = rk_thread_prepare();
	if (arg != NULL)
		for (int i = 0; i < 100; i++)
			rk_counter_add(counter, 1);
	found.registered = kernel_says_any();
	found.at_area = kernel_says_registered(area_here(), process_info().length);
	return 0;
}

/*
 * Sets a robust list, as a runtime that makes threads without the libc may do. The library takes a thread with a robust list
 * for a thread of glibc, and a thread without one for a vfork child.
 */
static int ask_with_robust_list(void *arg)
{
	static struct {
		void *next;
		long offset;
		void *pending;
	} head = {&head, 0, NULL};

	if (syscall(SYS_set_robust_list, &head, sizeof(head)) != 0)
		return 1;
	return ask(arg);
}

/*
 * Runs a thread to its end, with or without operations. If `thread_pointer` isn't NULL, it becomes the
 * thread's thread pointer.
 */
static void run_thread(int (*run)(void *), bool operate, char *thread_pointer)
{
	const int sharing = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
	const int flags = sharing | CLONE_CHILD_CLEARTID | (thread_pointer != NULL ? CLONE_SETTLS : 0);
	const size_t size = 1 << 18;
	volatile pid_t alive = 1;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	found.prepared = 1;
	CHECK(stack != MAP_FAILED);
	CHECK(clone(run, stack + size, flags, operate ? stack : NULL, NULL, thread_pointer, &alive) > 0);
	while (alive != 0)
		sched_yield();
	CHECK(found.prepared != 1);
	CHECK(munmap(stack, size) == 0);
}

enum contents { COPIED, ZERO };

/*
 * Makes the TLS of a new thread: the memory around the thread pointer, and the words in it that point to themselves. If
 * `area_is_right`, the area has the contents that any thread's area has before its registration.
 */
#define TLS_BELOW 4096

static char *make_tls(enum contents contents, bool area_is_right)
{
	char *here = (char *)(uintptr_t)area_here() - process_info().offset, *memory, *there;
	ptrdiff_t offset = process_info().offset;
	size_t above = offset > 0 ? (size_t)offset + 64 : 512;
	struct rk_thread_block fresh = {.u.area.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED,
					.state.version = RK_THREAD_STATE_VERSION};

	memory = mmap(NULL, 4 * TLS_BELOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED && above < 2 * TLS_BELOW);
	there = memory + TLS_BELOW + (uintptr_t)here % 64;
	if (contents == COPIED)
		memcpy(there - TLS_BELOW, here - TLS_BELOW, TLS_BELOW + above);
	*(char **)(void *)there = there;
	*(char **)(void *)(there + 16) = there;
	if (area_is_right)
		memcpy(there + offset, &fresh, offset > 0 ? sizeof(struct rk_area) : sizeof(fresh));
	return there;
}

/* Each case runs in a child, in a thread that the libc made. The stack of such a thread is below its TLS. */
static void (*the_case)(void);

static void *run_case(void *arg)
{
	the_case();
	return arg;
}

static int in_creator(int registered)
{
	pthread_t thread;

	CHECK((registered ? pthread_create(&thread, NULL, run_case, NULL) :
			    create_unregistered(&thread, run_case, NULL)) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	return 0;
}

static void begin(void)
{
	CHECK(rk_counter_create(&counter) == 0);
}

/* Checks that the creator is registered, if the world has rseq, and that the counter's sum is still exact. */
static void unharmed(int64_t sum)
{
	if (world_has_rseq()) {
		CHECK(rk_thread_prepare() == 0);
		CHECK(kernel_says_registered(area_here(), process_info().length));
		CHECK(rk_thread_reason() == RK_REASON_NONE);
	}
	for (int i = 0; i < 1000; i++)
		rk_counter_add(counter, 1);
	CHECK(rk_counter_sum(counter) == sum + 1000);
}

static void refused_beside(const volatile struct rk_area *area)
{
	CHECK(found.area == area && found.prepared < 0 && !found.registered);
}

static void shares_unregistered(void)
{
	begin();
	CHECK(!kernel_says_any());
	run_thread(ask, true, NULL);
	refused_beside(area_here());
	CHECK(found.prepared == -EAGAIN && !kernel_says_any());
	CHECK(rk_thread_reason() == RK_REASON_NOT_YET);
	unharmed(100);
}

static void shares_in_bracket(void)
{
	begin();
	CHECK(rk_vfork_begin() == 0);
	run_thread(ask, true, NULL);
	CHECK(!world_has_rseq() || found.prepared == -EAGAIN);
	CHECK(!found.registered);
	CHECK(rk_vfork_end() == 0);
	unharmed(100);
}

/* In the thread, rk_thread_prepare() returns the state of the thread's creator. Nothing changes for the creator. */
static void shares_registered(void)
{
	begin();
	CHECK(!world_has_rseq() || rk_thread_prepare() == 0);
	run_thread(ask, false, NULL);
	CHECK(!found.registered);
	unharmed(0);
}

/*
 * Checks a thread of which neither the libc nor this library knows. In the world `kernel`, the kernel registers it,
 * because it has a thread pointer of its own. In other worlds it has no rseq.
 */
static void is_what_the_kernel_makes_it(void)
{
	bool by_kernel = world_owner() == RK_OWNER_KERNEL;

	CHECK(found.area != area_here());
	CHECK((found.prepared == 0) == by_kernel && found.registered == by_kernel && (!by_kernel || found.at_area));
}

static void has_its_own(void)
{
	begin();
	run_thread(ask, true, make_tls(COPIED, true));
	is_what_the_kernel_makes_it();
	unharmed(100);
}

static void has_its_own_and_a_list(void)
{
	begin();
	run_thread(ask_with_robust_list, true, make_tls(COPIED, true));
	CHECK(found.area != area_here());
	CHECK((found.prepared == 0) == found.at_area && found.at_area == found.registered);
#ifdef __GLIBC__
	/*
	 * With a robust list, the library treats the thread like a thread of glibc. The thread is registered if the
	 * library or the kernel registers threads.
	 */
	CHECK(found.at_area == (world_owner() == RK_OWNER_SELF || world_owner() == RK_OWNER_KERNEL));
#else
	CHECK(!found.registered);
#endif
	unharmed(100);
}

static void has_zeroes_but_the_area(void)
{
	begin();
	run_thread(ask, true, make_tls(ZERO, true));
	is_what_the_kernel_makes_it();
	unharmed(100);
}

/*
 * A zeroed area names CPU 0. If the kernel doesn't register the thread, the library can't know that the thread isn't
 * registered, so operations are forbidden in this thread. But the creator's registration is unharmed.
 */
static void has_zeroes(void)
{
	begin();
	run_thread(ask, false, make_tls(ZERO, false));
	CHECK(found.area != area_here() && found.registered == (world_owner() == RK_OWNER_KERNEL));
	unharmed(0);
}

static void run(void (*body)(void), bool registered)
{
	if (SANITIZED)
		SKIP("a sanitizer's runtime doesn't take such threads");
	the_case = body;
	assert_int_equal(in_child_with(in_creator, registered), 0);
}

static void on_an_unregistered_creators_tls(void **state)
{
	(void)state;
	NEEDS_UNREGISTERED_THREADS();
	run(shares_unregistered, false);
}

static void on_its_creators_tls_in_the_bracket(void **state)
{
	(void)state;
	run(shares_in_bracket, true);
}

static void on_a_registered_creators_tls(void **state)
{
	(void)state;
	run(shares_registered, true);
}

static void on_tls_of_its_own(void **state)
{
	(void)state;
	run(has_its_own, true);
}

static void on_tls_of_its_own_with_a_robust_list(void **state)
{
	(void)state;
	run(has_its_own_and_a_list, true);
}

static void on_zeroed_tls_with_an_area(void **state)
{
	(void)state;
	run(has_zeroes_but_the_area, true);
}

static void on_zeroed_tls(void **state)
{
	(void)state;
	run(has_zeroes, true);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(on_an_unregistered_creators_tls),      cmocka_unit_test(on_its_creators_tls_in_the_bracket),
	cmocka_unit_test(on_a_registered_creators_tls),         cmocka_unit_test(on_tls_of_its_own),
	cmocka_unit_test(on_tls_of_its_own_with_a_robust_list), cmocka_unit_test(on_zeroed_tls_with_an_area),
	cmocka_unit_test(on_zeroed_tls),
};

RUN(tests)
