/* SPDX-License-Identifier: MIT */
/*
 * contend.c - runs more threads than CPUs, which all want one lock. The test takes turns of TURN_MS. In half of the turns the
 * threads request a time slice extension while they hold the lock, and in the other half they don't. The test counts how often
 * the lock's holder is preempted, and compares the counts of both kinds of turns. It also prints the number of operations, but
 * doesn't compare it.
 *
 *	contend guard | mutex     a spin lock between rk_slice_begin() and rk_slice_end(), or rk_mutex; prints
 *	                          TAP, and for each kind of turn a line of JSON
 */
#include "calls.h"
#include <linux/futex.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <time.h>
#include "../../src/slice/marker.h"

#define THREADS_MAX 64
#define TURNS 3          /* turns with requests, and as many without */
#define TRIES 5
#define TURN_MS 1000
#define INSIDE 400       /* how many loops a thread does while it has the lock; OUTSIDE: while it doesn't have the lock */
#define OUTSIDE 200
#define GRANTED 0x100u
#define PRCTL_SLICE 79 /* PR_RSEQ_SLICE_EXTENSION of include/uapi/linux/prctl.h */
#define SLICE_SET 2
#define SYS_SLICE_YIELD 471

struct counts {
	int64_t operations, preempted, unknown, granted, waits;
};

static struct rk_counter *scratch;
static uint64_t marker;
static bool stop, requests; /* `requests`: true if the threads make requests in this turn */
static struct counts of[THREADS_MAX];
static int64_t waits, given_back, in_all, shared; /* `shared` is guarded by the lock */

/*
 * Counts the library's sleeps, and its calls of rseq_slice_yield(2) that came in time. Such a call is in time if the granted
 * extension hadn't expired, and no other system call had ended it.
 */
static long called(long number, const long arguments[6])
{
	long r;

	if (number == SYS_futex && (arguments[1] & FUTEX_CMD_MASK) == FUTEX_WAIT)
		__atomic_fetch_add(&waits, 1, __ATOMIC_RELAXED);
	r = really(number, arguments);
	if (number == SYS_SLICE_YIELD && r == 1)
		__atomic_fetch_add(&given_back, 1, __ATOMIC_RELAXED);
	return r;
}

static char spin_lock;
static struct rk_mutex mutex;
static int begun; /* the result of the lock holder's rk_slice_begin() */

static void lock_spinning(void)
{
	for (;;) {
		int requested = rk_slice_begin();

		if (!__atomic_test_and_set(&spin_lock, __ATOMIC_ACQUIRE)) {
			begun = requested;
			return;
		}
		rk_slice_end(requested);
		while (__atomic_load_n(&spin_lock, __ATOMIC_RELAXED))
			__asm__ __volatile__("" ::: "memory");
	}
}

static void unlock_spinning(void)
{
	int requested = begun;

	__atomic_clear(&spin_lock, __ATOMIC_RELEASE);
	rk_slice_end(requested);
}

static void lock_mutex(void)
{
	(void)rk_mutex_lock(&mutex);
}

static void unlock_mutex(void)
{
	(void)rk_mutex_unlock(&mutex);
}

static const struct lock {
	const char *name;
	void (*lock)(void), (*unlock)(void);
} locks[] = {
	{"guard", lock_spinning, unlock_spinning},
	{"mutex", lock_mutex, unlock_mutex},
};

static const struct lock *used;

static void work(int loops)
{
	for (volatile int i = 0; i < loops; i++)
		continue;
}

static void *want_it(void *arg)
{
	struct counts own = {0};
	bool marks = marker != 0;

	CHECK(rk_thread_prepare() == 0 || marker == 0);
	CHECK(rk_slice_enable() == 0);
	CHECK(requests || prctl(PRCTL_SLICE, SLICE_SET, 0, 0, 0) == 0);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		enum rk_marked marked = RK_MARKED_STILL;

		work(OUTSIDE);
		used->lock();
		if (marks)
			rk_marker_set(marker);
		shared++;
		work(INSIDE);
		if (marks)
			marked = rk_marker_look(marker);
		own.granted += marks && rk_thread_area()->slice_ctrl == GRANTED;
		used->unlock();
		own.preempted += marked == RK_MARKED_NO_MORE;
		own.unknown += marked == RK_MARKED_UNKNOWN;
		own.operations++;
	}
	*(struct counts *)arg = own;
	return NULL;
}

static void take_turn(struct counts *sum)
{
	const struct timespec turn = {TURN_MS / 1000, TURN_MS % 1000 * 1000000L};
	int threads = 2 * get_nprocs() < 4 ? 4 : 2 * get_nprocs();
	int64_t before = waits;
	pthread_t ids[THREADS_MAX];

	threads = threads > THREADS_MAX ? THREADS_MAX : threads;
	__atomic_store_n(&stop, false, __ATOMIC_RELAXED);
	for (int i = 0; i < threads; i++)
		CHECK(pthread_create(&ids[i], NULL, want_it, &of[i]) == 0);
	nanosleep(&turn, NULL);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (int i = 0; i < threads; i++) {
		CHECK(pthread_join(ids[i], NULL) == 0);
		sum->operations += of[i].operations;
		sum->preempted += of[i].preempted;
		sum->unknown += of[i].unknown;
		sum->granted += of[i].granted;
		in_all += of[i].operations;
	}
	sum->waits += waits - before;
}

static void print(const char *requested, const struct counts *counts)
{
	printf("# slices: {\"lock\": \"%s\", \"cpus\": %d, \"requests\": \"%s\", \"regions\": %lld, \"preempted\": %lld, "
	       "\"unknown\": %lld, \"granted\": %lld, \"waits\": %lld}\n",
	       used->name, get_nprocs(), requested, (long long)counts->operations, (long long)counts->preempted,
	       (long long)counts->unknown, (long long)counts->granted, (long long)counts->waits);
}

/*
 * Returns true if holders were preempted less than half as often with requests as without. Also returns false if the turns prove
 * nothing: on a busy machine grants expired, or hardly any holder was preempted.
 */
static bool are_preempted_less(void)
{
	struct counts off = {0}, on = {0};
	int64_t before = given_back, in_time;

	for (int i = 0; i < TURNS; i++) {
		requests = false;
		take_turn(&off);
		requests = true;
		take_turn(&on);
	}
	print("not made", &off);
	print("on", &on);
	in_time = given_back - before;
	printf("# %lld grants seen at the end of a region, %lld given back in time\n", (long long)on.granted,
	       (long long)in_time);
	assert_int_equal(shared, in_all);
	assert_int_equal(off.granted, 0);
	/*
	 * Up to a tenth of the grants are allowed to expire. Preemptions are compared per operation, because the turns with
	 * fewer preemptions can have more operations.
	 */
	return on.granted > 0 && in_time * 10 > on.granted * 9 && off.preempted >= 20 &&
	       on.preempted * off.operations * 2 < off.preempted * on.operations;
}

static void holders_are_preempted_less(void **state)
{
	bool seen = false;

	(void)state;
	if (rk_slice_enable() != 0)
		SKIP("no slice extension here");
	for (int try = 0; try < TRIES && !seen; try++)
		seen = are_preempted_less();
	assert_true(seen);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(holders_are_preempted_less)};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	for (size_t i = 0; argc == 2 && i < sizeof(locks) / sizeof(locks[0]); i++)
		if (strcmp(locks[i].name, argv[1]) == 0)
			used = &locks[i];
	if (used == NULL) {
		fputs("usage: contend guard | mutex\n", stderr);
		return 2;
	}
	if (rk_counter_create(&scratch) != 0)
		return 2;
	marker = rk_marker_find(scratch);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
