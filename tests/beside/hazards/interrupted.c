/* SPDX-License-Identifier: MIT */
/*
 * interrupted.c - shows hazards of signal handlers. In each case except `toggled`, a signal arrives at each instruction of an
 * operation. The operation is this library's, or that of a naive component, which has no safeguards (naive.h).
 *
 *	interrupted CASE
 *
 * The program is linked with the library, and runs in every world of hazards.c. A world says which component registers threads.
 */
#include "interrupt.h"
#include "naive.h"
#include <rseqkit/ops_cid.h>

/* An area that isn't registered. It has the contents of a new thread's area. */
static struct naive_area own = {.area = {.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED}};
static struct rk_counter *counter;
static int64_t words[CPU_SETSIZE + 1], *const slots = words + 1; /* room for every index, also -1 */
static char held;

/*
 * The registered area, which any component could find. The program finds it before the operation, because each instruction of the
 * operation is stepped, so a search would take long.
 */
static volatile struct rk_area *process_area;
static uint32_t process_length;

static int change_registration(int flags)
{
	return naive_rseq(process_area, process_length, flags, RK_SIGNATURE);
}

/* Unregisters the thread without the library's knowledge. */
static void unregister(void)
{
	CHECK(kernel_says_registered(process_area, process_length));
	CHECK(change_registration(1) == 0);
}

static void toggle(void)
{
	CHECK(change_registration(kernel_says_any()) == 0);
}

/* Two increments are right: the operation's and the handler's. */
static int judge_words(void)
{
	int64_t sum = 0;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum += words[i];
	return sum == 2 ? RIGHT : LOST;
}

static int judge_counter(void)
{
	return rk_counter_sum(counter) == 2 ? RIGHT : LOST;
}

static void add_to_counter(void)
{
	rk_counter_add(counter, 1);
}

/* Unregisters the thread by rk_vfork_begin(). After that, the thread's area has the ids of an unregistered area, as `own` has. */
static void without_rseq(void)
{
	CHECK(rk_vfork_begin() == 0);
	CHECK(!kernel_says_any());
}

/* Uses mm_cid as index. In an unregistered thread mm_cid reads 0, and no check of the component rejects that. */
static void naive_by_id(void)
{
	static const uint32_t untested = 0;

	CHECK(naive_add(&own.area, &untested, &own.area.mm_cid, slots));
}

static void ours_by_id(void)
{
	CHECK(rk_cid_add(counter, 1) == RK_NO_RSEQ);
	(void)__atomic_fetch_add((int64_t *)rk_percpu_slot(counter, RK_INDEX_OVERFLOW), 1, __ATOMIC_RELAXED);
}

/* True if the thread was registered when the naive component asked, which it does only once. */
static bool known_registered;

static void ask_once_then_unregister(void)
{
	known_registered = (int32_t)process_area->cpu_id >= 0;
	CHECK(known_registered);
	unregister();
}

static void naive_known(void)
{
	static const uint32_t untested = 0;
	if (known_registered)
		CHECK(naive_add(process_area, &untested, &process_area->cpu_id, slots));
}

static void add_and_toggle(void)
{
	rk_counter_add(counter, 1);
	toggle();
}

/* Takes the lock. If a handler interrupts the holder on the same thread, the handler waits for ever. */
static void take(void)
{
	while (__atomic_test_and_set(&held, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void release(void)
{
	__atomic_clear(&held, __ATOMIC_RELEASE);
}

static void naive_overflow(void)
{
	take();
	slots[0]++;
	release();
}

static void naive_lazy_locked(void)
{
	if ((int32_t)process_area->cpu_id >= 0)
		return;
	take();
	if ((int32_t)process_area->cpu_id < 0)
		CHECK(change_registration(0) == 0);
	release();
}

static void naive_lazy_strict(void)
{
	if ((int32_t)process_area->cpu_id < 0 && change_registration(0) != 0)
		abort();
}

static void ours_lazy(void)
{
	CHECK(rk_thread_prepare() == 0);
}

static int judge_registered(void)
{
	return kernel_says_registered(process_area, process_length) && rk_thread_prepare() == 0 ? RIGHT : WRONG;
}

/*
 * Counts the signals of the case `toggled`. There, operations run at full speed while a signal handler registers and unregisters
 * the thread.
 */
static volatile int64_t handled;

static void on_timer(int signo)
{
	(void)signo;
	handled++;
	add_and_toggle();
}

static int toggled_at_full_speed(void)
{
	int64_t adds = 0, enough = ROUNDS(getenv("BRIEF") != NULL ? 250000 : 5000000);
	struct itimerval on = storm_interval(20), off = storm_interval(0);
	struct sigaction action = {.sa_handler = on_timer};

	CHECK(sigaction(SIGALRM, &action, NULL) == 0);
	setitimer(ITIMER_REAL, &on, NULL);
	for (; adds < enough || handled < 100; adds++)
		rk_counter_add(counter, 1);
	setitimer(ITIMER_REAL, &off, NULL);
	printf("%lld adds, %lld times toggled, sum %lld\n", (long long)adds, (long long)handled,
	       (long long)rk_counter_sum(counter));
	return rk_counter_sum(counter) == adds + handled ? RIGHT : LOST;
}

static const struct {
	const char *name;
	struct interrupted interrupted;
} cases[] = {
	{"id-naive", {without_rseq, naive_by_id, naive_by_id, judge_words, true}},
	{"id-ours", {without_rseq, ours_by_id, ours_by_id, judge_counter, false}},
	{"unregistered-naive", {ask_once_then_unregister, naive_known, naive_known, judge_words, true}},
	{"unregistered-ours", {unregister, add_to_counter, add_and_toggle, judge_counter, false}},
	{"overflow-naive", {without_rseq, naive_overflow, naive_overflow, judge_words, true}},
	{"overflow-ours", {without_rseq, add_to_counter, add_to_counter, judge_counter, false}},
	{"lazy-locked", {unregister, naive_lazy_locked, naive_lazy_locked, judge_registered, true}},
	{"lazy-strict", {unregister, naive_lazy_strict, naive_lazy_strict, judge_registered, true}},
	{"lazy-ours", {unregister, ours_lazy, ours_lazy, judge_registered, false}},
};

int main(int argc, char **argv)
{
	CHECK(rk_counter_create(&counter) == 0);
	process_area = (volatile struct rk_area *)(uintptr_t)area_here();
	process_length = process_info().length;
	if (argc == 2 && strcmp(argv[1], "toggled") == 0)
		return toggled_at_full_speed();
	for (size_t i = 0; argc == 2 && i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(argv[1], cases[i].name) == 0)
			return interrupt_everywhere(&cases[i].interrupted);
	return USAGE;
}
