/* SPDX-License-Identifier: MIT */
/*
 * test_foreign.c - tests two copies of this library with a stranger: a library that follows no protocol and registers a private
 * area. The test tries every combination. The stranger registers before the copies or after them, with our signature or another
 * signature, in all threads or in some. Its area is zero-initialised or marked as unregistered.
 *
 * The copies recognise the stranger in a thread that it has registered, and never use or change its registration. From then on
 * the copies register no thread. Counters are exact.
 *
 * Runs only if the libc doesn't register threads by itself. Even then, glibc registers a new thread if the thread's creator is
 * registered, so the test creates each thread while the creator is unregistered.
 */
#include "test.h"
#include <sys/time.h>
#include "../neighbours/foreign.h"
#include "load.h"

#define THREADS 8
#define OTHER_SIGNATURE 0x12345678

/*
 * A case is a number below 16. These are its bits. AFTER_US: the stranger registers after the copies. OTHER: with another
 * signature. MARKED: its area is marked as unregistered. SOME: it registers only some threads.
 */
enum { AFTER_US = 1, OTHER = 2, MARKED = 4, SOME = 8 };

static const char *const modules[] = {"copy-static-a.so", "copy-shared.so"};

static const struct copy *copies[2];
static struct rk_counter *counters[2];
static int64_t handled;
static int bits;

static int (*registers)(enum foreign_form form, uint32_t signature);
static const volatile void *(*its_area)(enum foreign_form form);

static enum foreign_form form(void)
{
	return bits & MARKED ? FOREIGN_MARKED : FOREIGN_ZEROED;
}

static int stranger_here(void)
{
	return registers(form(), bits & OTHER ? OTHER_SIGNATURE : RK_SIGNATURE);
}

static void load_copies(void)
{
	void *handle;

	for (int i = 0; i < 2; i++) {
		copies[i] = load_copy_of_rseqkit(modules[i], LOCAL, &handle);
		CHECK(copies[i] != NULL && copies[i]->create(&counters[i]) == 0);
	}
}

static void load_stranger(void)
{
	void *handle;

	*(void **)&registers = load_neighbours_function("foreign", LOCAL, "foreign_registers", &handle);
	*(void **)&its_area = load_neighbours_function("foreign", LOCAL, "foreign_area", &handle);
	CHECK(registers != NULL && its_area != NULL);
}

/* Checks that both copies know of the stranger, use none of its areas, and leave its registration alone. */
static void check_refused(bool its)
{
	for (int i = 0; i < 2; i++) {
		CHECK(copies[i]->prepare() == -EBUSY);
		CHECK(copies[i]->reg() == -EBUSY);
		CHECK(copies[i]->owner() == (its ? RK_OWNER_FOREIGN : RK_OWNER_NONE));
		CHECK(copies[i]->reason() == RK_REASON_FOREIGN);
		CHECK(copies[i]->area() == NULL);
		CHECK(copies[i]->users() == 0);
	}
	CHECK(kernel_says_any() == its);
	if (its)
		CHECK(stranger_here() == -EBUSY);
}

static void add_everywhere(int times)
{
	for (int i = 0; i < times; i++)
		copies[i % 2]->add(counters[i % 2], 1);
}

static void mask_alarm(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(how, &set, NULL);
}

/* Runs in a thread that the stranger registers (if `arg` isn't NULL), or that stays unregistered. */
static void *live(void *arg)
{
	bool its = arg != NULL;

	CHECK(!kernel_says_any());
	if (its)
		CHECK(stranger_here() == 0);
	mask_alarm(SIG_UNBLOCK);
	add_everywhere((int)ROUNDS(200000));
	check_refused(its);
	return NULL;
}

/*
 * Creates a thread between rk_vfork_begin() and rk_vfork_end() of one copy, so that the new thread begins unregistered. The new
 * thread begins with SIGALRM blocked, so our handler doesn't run there until live() unblocks the signal.
 */
static pthread_t start(void *(*run)(void *), bool its)
{
	pthread_t thread;

	mask_alarm(SIG_BLOCK);
	CHECK(copies[0]->vfork_begin() == 0);
	CHECK(pthread_create(&thread, NULL, run, its ? &bits : NULL) == 0);
	CHECK(copies[0]->vfork_end() == 0);
	mask_alarm(SIG_UNBLOCK);
	return thread;
}

static void on_alarm(int signo)
{
	int which = (int)(__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED) % 2);

	(void)signo;
	copies[which]->add(counters[which], 1000000);
}

static void storm(long microseconds)
{
	struct itimerval interval = {{0, microseconds}, {0, microseconds}};

	setitimer(ITIMER_REAL, &interval, NULL);
}

/* Lets the stranger register the initial thread. If the copies are first, the kernel refuses the stranger. */
static void first_contact(void)
{
	load_stranger();
	if (!(bits & AFTER_US)) {
		CHECK(stranger_here() == 0);
		load_copies();
		check_refused(true);
		return;
	}
	load_copies();
	for (int i = 0; i < 2; i++)
		CHECK(copies[i]->prepare() == 0 && copies[i]->owner() == RK_OWNER_SELF);
	CHECK(stranger_here() == -EINVAL);
}

/* Checks that the registration of the initial thread is still as first_contact() left it. */
static void last_look(void)
{
	if (!(bits & AFTER_US)) {
		check_refused(true);
		return;
	}
	for (int i = 0; i < 2; i++)
		CHECK(copies[i]->prepare() == 0 && copies[i]->owner() == RK_OWNER_SELF &&
		      (const volatile void *)copies[i]->area() != its_area(form()));
	CHECK(stranger_here() == -EINVAL);
}

static int one_case(int number)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	pthread_t thread[THREADS];
	int64_t adds = (2 + THREADS) * ROUNDS(200000);

	bits = number;
	first_contact();
	sigaction(SIGALRM, &action, NULL);
	storm(200);
	/* The stranger also registers the first new thread. From then on the copies register no thread. */
	pthread_join(start(live, true), NULL);
	pthread_join(start(live, false), NULL);
	for (int i = 0; i < THREADS; i++)
		thread[i] = start(live, !(bits & SOME) || i % 2 == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	while (__atomic_load_n(&handled, __ATOMIC_RELAXED) == 0)
		sched_yield(); /* on a slow machine there may be no handler that has run yet */
	storm(0);
	signal(SIGALRM, SIG_IGN);
	last_look();
	CHECK(handled > 0);
	CHECK(copies[0]->sum(counters[0]) + copies[1]->sum(counters[1]) == adds + 1000000 * handled);
	return 0;
}

static void foreign(void **state)
{
	assert_int_equal(in_child_with(one_case, (int)(intptr_t)*state), 0);
}

int main(void)
{
	static char names[16][100];
	struct CMUnitTest tests[16];

	for (int i = 0; i < 16; i++) {
		snprintf(names[i], sizeof(names[i]), "%s us, %s signature, %s, in %s threads", i & AFTER_US ? "after" : "before",
			 i & OTHER ? "another" : "our", i & MARKED ? "marked unregistered" : "zero-initialised",
			 i & SOME ? "some" : "all");
		tests[i] = (struct CMUnitTest){.name = names[i], .test_func = foreign, .initial_state = (void *)(intptr_t)i};
	}
	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(TEST_SECONDS);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
