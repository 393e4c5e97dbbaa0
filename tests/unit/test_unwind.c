/* SPDX-License-Identifier: MIT */
/*
 * Tests unwinding from a signal handler that interrupted an inlined operation. The kernel has moved the thread to the
 * section's abort handler. The unwinder must still find the caller of the function that contains the operation.
 */
#include "test.h"
#include <dlfcn.h>
#include <rseqkit/ops_cpu.h>
#include <rseqkit/rcu.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <unwind.h>

#ifdef __x86_64__
#define DESCRIBED 1
#else
#define DESCRIBED 0
#endif

#define NOWHERE ((void *)0x10000) /* an address that no program maps */

static void faults_in_sections(void **state);
static void samples(void **state);
static sigjmp_buf back;
static volatile int found, lost;

static int (*backtrace_of_libunwind)(void **addresses, int most); /* NULL: the compiler's library unwinds */

static bool is_test(uintptr_t address)
{
	void *function = _Unwind_FindEnclosingFunction((void *)(address - 1));

	return function == (void *)(uintptr_t)faults_in_sections || function == (void *)(uintptr_t)samples;
}

static _Unwind_Reason_Code look(struct _Unwind_Context *frame, void *seen)
{
	if (is_test(_Unwind_GetIP(frame)))
		*(bool *)seen = true;
	return _URC_NO_REASON;
}

static void unwind(void)
{
	void *addresses[64];
	bool seen = false;

	if (backtrace_of_libunwind == NULL)
		(void)_Unwind_Backtrace(look, &seen);
	else
		for (int i = backtrace_of_libunwind(addresses, 64) - 1; i >= 0; i--)
			seen |= is_test((uintptr_t)addresses[i]);
	if (seen)
		found++;
	else
		lost++;
}

static void fault(int signal)
{
	(void)signal;
	unwind();
	siglongjmp(back, 1);
}

static void sample(int signal)
{
	(void)signal;
	unwind();
}

/* The following functions contain each form of a section (arch/section.h). */
static __attribute__((__noinline__)) void add(void *base)
{
	(void)rk_cpu_add(base, 1);
	__asm__ volatile("" ::: "memory");
}

static __attribute__((__noinline__)) void load(void *base)
{
	intptr_t value;

	(void)rk_cpu_load(base, &value);
	__asm__ volatile("" ::: "memory");
}

static __attribute__((__noinline__)) void enter(void *base)
{
	void *counted;

	(void)rk_gate_enter(base, &counted);
	__asm__ volatile("" ::: "memory");
}

static __attribute__((__noinline__)) void get(void *base)
{
	(void)rk_cache_get_here((struct rk_cache *)base);
	__asm__ volatile("" ::: "memory");
}

static __attribute__((__noinline__)) void call(void (*operation)(void *), void *base)
{
	operation(base);
	__asm__ volatile("" ::: "memory");
}

static void faults_in_sections(void **state)
{
	void (*const operations[])(void *) = {add, load, enter, get};
	struct sigaction action = {.sa_handler = fault, .sa_flags = SA_NODEFER}, before;

	(void)state;
	if (!world_has_rseq() || !DESCRIBED)
		SKIP("no sections here, or an architecture that doesn't describe them to unwinders");
	assert_int_equal(rk_process_init(), 0);
	assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
	for (int i = 0; i < 4; i++) {
		found = lost = 0;
		if (sigsetjmp(back, 1) == 0) {
			call(operations[i], NOWHERE);
			fail_msg("operation %d didn't fault", i);
		}
		printf("# operation %d: %s\n", i, found == 1 ? "found" : "lost");
		assert_true(found == 1 && lost == 0);
	}
	assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
}

/* Takes samples as a profiler does, at any instruction. */
static void samples(void **state)
{
	const struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
	struct rk_counter *counter;

	(void)state;
	if (!world_has_rseq() || !DESCRIBED || SANITIZED)
		SKIP("no sections here, or an architecture that doesn't describe them to unwinders");
	assert_int_equal(rk_counter_create(&counter), 0);
	found = lost = 0;
	assert_true(signal(SIGPROF, sample) != SIG_ERR);
	assert_int_equal(setitimer(ITIMER_PROF, &often, NULL), 0);
	for (uint64_t i = 0; found + lost < 50 && i < 20000000000; i++)
		call(add, counter);
	assert_int_equal(setitimer(ITIMER_PROF, &never, NULL), 0);
	printf("# %d samples, of %d the caller isn't known\n", found + lost, lost);
	assert_true(found > 0 && lost == 0);
	assert_int_equal(rk_counter_destroy(counter), 0);
}

/* Repeats both tests with libunwind's unw_backtrace(), whose fast path finds the caller of a signal frame in its own way. */
static void libunwind(void **state)
{
	void *library = dlopen("libunwind.so.8", RTLD_NOW);
	void *function = library == NULL ? NULL : dlsym(library, "unw_backtrace");

	if (function == NULL)
		SKIP("libunwind isn't installed");
	memcpy(&backtrace_of_libunwind, &function, sizeof(function));
	faults_in_sections(state);
	samples(state);
	backtrace_of_libunwind = NULL;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(faults_in_sections),
	cmocka_unit_test(samples),
	cmocka_unit_test(libunwind),
};

RUN(tests)
