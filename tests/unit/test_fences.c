/* SPDX-License-Identifier: MIT */
/*
 * Tests that each kind of fence aborts a section (an rseq critical section) on another CPU, and which CPUs the functions
 * accept. Also tests visits: if a filter refuses membarrier(2), the calling thread runs on each CPU for a moment instead.
 */
#include "refuse.h"
#include "slots.h"
#include <sys/resource.h>

/*
 * Enters a section, and leaves it when this CPU's word in the per-CPU memory `base` changes or the section is aborted. Returns
 * RK_DONE, RK_ABORTED or RK_NO_RSEQ.
 */
static enum rk_result __attribute__((__noinline__)) wait_in_section(void *base)
{
#if RK_HAVE_SECTIONS
	const intptr_t zero = 0;
	enum rk_result outcome = RK_DONE;
	intptr_t seen;

	RK_SECTION_VALUE(outcome, seen,
			 RK_ASM_EXIT_VALUE(leave, RK_ASM_NO_RSEQ),
			 RK_ASM_INDEX_CPU(RK_ASM_HERE) RKI_ASM_WHILE_EQUAL(zero) RK_ASM_COMMIT_LOAD,
			 RK_LIST(RK_IN(base), RK_IN_WORD(zero)), RK_USES_SLOT);
	(void)seen;
	return outcome;
#else
	(void)base;
	return RK_NO_RSEQ;
#endif
}

/* Describes a thread that stays in a section on `cpu` until the section is aborted. */
struct waiter {
	int cpu;
	int inside, over;
	enum rk_result outcome;
	const volatile struct rk_area *area;
	long preemptions; /* how often the kernel switched to another thread; a switch aborts the section, as a fence does */
};

static long preemptions_here(void)
{
	struct rusage usage;

	CHECK(getrusage(RUSAGE_THREAD, &usage) == 0);
	return usage.ru_nvcsw + usage.ru_nivcsw;
}

static void *wait_on(void *arg)
{
	struct waiter *w = arg;

	pin(w->cpu);
	(void)rk_thread_prepare();
	w->area = rk_thread_area();
	w->preemptions = -preemptions_here();
	__atomic_store_n(&w->inside, 1, __ATOMIC_RELEASE);
	w->outcome = wait_in_section(slots);
	w->preemptions += preemptions_here();
	__atomic_store_n(&w->over, 1, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * Fences another CPU on which a thread is in a section. Returns true if the fence aborted the section, and false if a
 * preemption may have aborted it. With `by_visit`, always returns true.
 */
static bool fence_aborts(int (*fence)(int cpu), const int *cpus, bool by_visit)
{
	cpu_set_t all;
	pthread_t thread;
	struct waiter w = {.cpu = cpus[1]};

	CHECK(sched_getaffinity(0, sizeof(all), &all) == 0);
	pin(cpus[0]);
	*(intptr_t *)rk_percpu_slot(slots, w.cpu) = 0;
	CHECK(pthread_create(&thread, NULL, wait_on, &w) == 0);
	if (by_visit)
		CHECK(sched_setaffinity(0, sizeof(all), &all) == 0);
	while (!__atomic_load_n(&w.inside, __ATOMIC_ACQUIRE) ||
	       (w.area->rseq_cs == 0 && !__atomic_load_n(&w.over, __ATOMIC_ACQUIRE)))
		sched_yield();
	CHECK(fence(w.cpu) == 0);
	CHECK(sched_setaffinity(0, sizeof(all), &all) == 0);
	for (int i = 0; i < 60000 && !__atomic_load_n(&w.over, __ATOMIC_ACQUIRE); i++)
		usleep(1000);
	CHECK(__atomic_load_n(&w.over, __ATOMIC_ACQUIRE)); /* if the fence had no effect, the section would never end */
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(w.outcome == RK_ABORTED);
	return by_visit || w.preemptions == 0;
}

#define TRIES 10000
#define TOO_BUSY 77

/*
 * On a busy machine, a preemption can abort the section before the fence does, so this function tries again until no preemption
 * was counted. A visit is itself a preemption, so with `by_visit` the first try is enough.
 */
static int fence_reaches(int (*fence)(int cpu), bool by_visit)
{
	int cpus[2], tries = 1;

	if (!two_cpus(cpus))
		return 0;
	while (!fence_aborts(fence, cpus, by_visit) && tries < TRIES)
		tries++;
	if (!by_visit)
		printf("# aborted by nothing else at try %d\n", tries);
	return tries < TRIES ? 0 : TOO_BUSY;
}

static int by_set(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return rk_fence_cpus(&set, sizeof(set));
}

static int by_all(int cpu)
{
	(void)cpu;
	return rk_fence_all();
}

static int every_fence(bool by_visit)
{
	static int (*const fences[])(int cpu) = {rk_fence_cpu, by_set, by_all};

	if (!RK_HAVE_SECTIONS || !world_has_rseq())
		return rk_fence_cpu(here) == 0 && by_set(here) == 0 && rk_fence_all() == 0 ? 0 : 1;
	for (size_t i = 0; i < sizeof(fences) / sizeof(fences[0]); i++)
		if (fence_reaches(fences[i], by_visit) != 0)
			return TOO_BUSY;
	return 0;
}

static void fences_reach(void **state)
{
	int r = every_fence(false);

	(void)state;
	if (r == TOO_BUSY)
		SKIP("the thread in the section was preempted each time");
	assert_int_equal(r, 0);
}

static void fences_of_nothing(void **state)
{
	unsigned long none[RK_CPUS_MAX / 64 + 2] = {0};
	int last = -1;

	(void)state;
	assert_int_equal(rk_fence_prepare(), 0);
	assert_int_equal(rk_fence_prepare(), 0);
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		assert_int_equal(rk_fence_cpu(cpu), 0); /* works for offline CPUs too */
		last = cpu;
	}
	assert_int_equal(rk_fence_cpu(-1), -EINVAL);
	assert_int_equal(rk_fence_cpu(last + 1), -EINVAL);
	assert_int_equal(rk_fence_cpu(INT32_MAX), -EINVAL);
	assert_int_equal(rk_fence_cpu(INT32_MIN), -EINVAL);
	assert_int_equal(rk_fence_cpus(NULL, 8), -EINVAL);
	assert_int_equal(rk_fence_cpus(none, 0), 0);
	assert_int_equal(rk_fence_cpus(none, sizeof(none)), 0);
	none[(last + 1) / 64] = 1UL << ((last + 1) % 64);
	assert_int_equal(rk_fence_cpus(none, sizeof(none)), -EINVAL);
	memset(none, 0, sizeof(none));
	none[RK_CPUS_MAX / 64 + 1] = 1;
	assert_int_equal(rk_fence_cpus(none, sizeof(none)), -EINVAL);
}

/* membarrier(2) refuses fences until the process has registered for them. rk_percpu_create() of closable memory registers it. */
static void closable_memory_prepares(void **state)
{
	struct rk_percpu_options options = {.item_size = 8};
	struct rk_percpu *memory;
	long before = syscall(SYS_membarrier, 1 << 7, 0, 0), error = errno;

	(void)state;
	if (before == -1 && error == EINVAL)
		SKIP("this kernel has no such fence");
	assert_int_equal(before, -1);
	assert_int_equal(error, EPERM);
	assert_int_equal(rk_percpu_create(&memory, &options, sizeof(options)), 0);
	assert_int_equal(syscall(SYS_membarrier, 1 << 7, 0, 0), -1);
	assert_int_equal(rk_percpu_destroy(memory), 0);
	options.flags = RK_PERCPU_CLOSABLE;
	assert_int_equal(rk_percpu_create(&memory, &options, sizeof(options)), 0);
	assert_int_equal(syscall(SYS_membarrier, 1 << 7, 0, 0), 0);
	assert_int_equal(rk_percpu_destroy(memory), 0);
}

static int refusal;

static int visited(void)
{
	cpu_set_t before, after;

	refuse(SYS_membarrier, SYS_membarrier, refusal);
	CHECK(sched_getaffinity(0, sizeof(before), &before) == 0);
	CHECK(every_fence(true) == 0);
	CHECK(sched_getaffinity(0, sizeof(after), &after) == 0 && CPU_EQUAL(&before, &after));
	return 0;
}

static void fences_by_visit(void **state)
{
	static const int refusals[] = {ENOSYS, EINVAL, EPERM};

	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		refusal = refusals[i];
		assert_int_equal(in_child(visited), 0);
	}
}

static int unreachable(void)
{
	refuse(SYS_membarrier, SYS_sched_setaffinity, EPERM);
	CHECK(rk_fence_prepare() == -EPERM);
	CHECK(rk_fence_cpu(here) == -EHOSTUNREACH);
	CHECK(by_set(here) == -EHOSTUNREACH);
	CHECK(rk_fence_all() == -EHOSTUNREACH);
	return 0;
}

static void fences_that_cannot_be(void **state)
{
	(void)state;
	assert_int_equal(in_child(unreachable), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(closable_memory_prepares), /* must run first, before any fence */
	cmocka_unit_test(fences_reach),
	cmocka_unit_test(fences_of_nothing),
	cmocka_unit_test(fences_by_visit),
	cmocka_unit_test(fences_that_cannot_be),
};

int main(void)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	alarm(TEST_SECONDS);
	return cmocka_run_group_tests(tests, make_slots, drop_slots);
}
