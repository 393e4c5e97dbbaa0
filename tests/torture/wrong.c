/* SPDX-License-Identifier: MIT */
/*
 * wrong.c - operations that are wrong in known ways, for tests of `rseqkit torture`. The operations are made of the library's
 * primitives, so they are the same on each architecture that has a port.
 *
 * A slot is one CPU's copy of the per-CPU data. Each operation computes the address of the current CPU's slot, and stores this
 * address in a slot. In a correct operation these two slots are the same, so a slot's word is 0 or the slot's own address. The
 * program checks the thread's slot after each operation, and all slots at the end, so it finds a store to another CPU's slot.
 *
 * usage: wrong NAME [ROUNDS [WHERE]]    runs an operation in two threads; exits with 1 if the data are wrong. WHERE: `stack` on a
 *                                       stack of the program's own, `late` after the first thread has ended
 */
#include <pthread.h>
#include <rseqkit/ops.h>
#include <rseqkit/percpu.h>
#include <rseqkit/thread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#if RK_HAVE_SECTIONS

/* Instructions that store the slot's address (STORE_HERE) or add 1 (COUNT_HERE), which the library's primitives don't have. */
#if defined(__x86_64__)
#define STORE_HERE(place) "movq %%rax, " place "\n\t"
#define PLACE(name) "(%[" #name "])"
#define SECOND "8(%%rax)"
#define SLOT "(%%rax)"
#define COUNT_HERE(place) "incq " place "\n\t"
#define WIDE_HERE                                                                                                      \
	"movups 16(%%rax), %%xmm0\n\tpcmpeqd %%xmm1, %%xmm1\n\tpsubq %%xmm1, %%xmm0\n\tmovups %%xmm0, 16(%%rax)\n\t"
#else
#define STORE_HERE(place) "str x16, " place "\n\t"
#define PLACE(name) "[%x[" #name "]]"
#define SECOND "[x16, #8]"
#define SLOT "[x16]"
#define COUNT_HERE(place) "ldr x17, " place "\n\tadd x17, x17, #1\n\tstr x17, " place "\n\t"
#define WIDE_HERE "ldr x17, [x16, #16]\n\tadd x17, x17, #1\n\tstp x17, x17, [x16, #16]\n\t"
#endif
#define END RKI_ASM_L(2) ":\n\t"

enum { THREADS = 2, ABORTS_MAX = 1000, STACK_SIZE = 65536 };

static void *base;

/* Each section is one statement, so compilers don't merge the code of two operations. */
#define OPERATION(name, body)                                                                                          \
	static enum rk_result name(void *slot)                                                                         \
	{                                                                                                              \
		RK_SECTION(RK_ASM_EXIT(leave), body, RK_LIST(RK_IN(base), RK_IN(slot)), RK_USES_LOADED, leave);        \
		return RK_DONE;                                                                                        \
	aborted:                                                                                                       \
		return RK_ABORTED;                                                                                     \
	leave:                                                                                                         \
		return rki_leave();                                                                                    \
	}

OPERATION(right, RK_ASM_INDEX_CPU(RK_ASM_C) STORE_HERE(SLOT) END)

/* The mistake: if the section is aborted between its two stores, the first one is done, and is done again after the abort. */
OPERATION(two_stores, RK_ASM_INDEX_CPU(RK_ASM_C) COUNT_HERE(SECOND) STORE_HERE(SLOT) END)

/* The mistake: the section ends after its commit, so an abort after the store repeats the section. */
OPERATION(late_end, RK_ASM_INDEX_CPU(RK_ASM_C) COUNT_HERE(SECOND) "nop\n\t" END)

/* The mistake is that of two_stores, with a first store of 16 bytes. */
OPERATION(wide, RK_ASM_INDEX_CPU(RK_ASM_C) WIDE_HERE STORE_HERE(SLOT) END)

/* The mistake: the caller computes the slot before the section, and uses the same slot when it tries again after an abort. */
OPERATION(stale, RK_ASM_INDEX_CPU(RK_ASM_C) STORE_HERE(PLACE(slot)) END)

static const struct {
	const char *name;
	enum rk_result (*run)(void *slot);
} operations[] = {
	{"right", right},
	{"two_stores", two_stores},
	{"late_end", late_end},
	{"stale", stale},
	{"wide", wide},
};

static enum rk_result (*chosen)(void *slot);
static unsigned long rounds = 3000;
static volatile int wrong;

/* Returns the slot of the CPU on which the thread runs now. */
static void *slot_now(void)
{
	return rk_percpu_slot(base, (int)rk_thread_area()->cpu_id_start);
}

/* Checks that a slot's word is 0 or the slot's own address. */
static void check(void *slot)
{
	void *word = *(void *volatile *)slot;

	if (word != NULL && word != slot)
		wrong = 1;
}

static void *work(void *argument)
{
	for (unsigned long i = 0; i < rounds; i++) {
		enum rk_result result = RK_ABORTED;
		void *slot = slot_now();

		for (int aborts = 0; result == RK_ABORTED && aborts < ABORTS_MAX; aborts++)
			result = chosen(slot);
		check(slot);
	}
	return argument;
}

static int work_and_check(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			return 2;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = rk_cpus_next(-1); i >= 0; i = rk_cpus_next(i))
		check(rk_percpu_slot(base, i));
	printf(wrong ? "a slot has the address of another one\n" : "all slots are right\n");
	return wrong;
}

/* work_inside() and work_on_stack() call work() on another stack, which the kernel can map next to the slots. */
static ucontext_t outside, inside;

static void work_inside(void)
{
	(void)work(NULL);
}

static int work_on_stack(void)
{
	void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED || getcontext(&inside) != 0)
		return 2;
	inside.uc_stack.ss_sp = stack;
	inside.uc_stack.ss_size = STACK_SIZE;
	inside.uc_link = &outside;
	makecontext(&inside, work_inside, 0);
	return swapcontext(&outside, &inside) != 0 || wrong;
}

static _Noreturn void *work_late(void *argument)
{
	(void)argument;
	usleep(200000); /* the first thread ends meanwhile */
	exit(work_and_check());
}

int main(int argc, char **argv)
{
	const struct rk_percpu_options options = {.item_size = 64};
	const char *where = argc > 3 ? argv[3] : "";
	struct rk_percpu *pool;
	pthread_t thread;

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (argc > 1 && strcmp(operations[i].name, argv[1]) == 0)
			chosen = operations[i].run;
	if (argc > 2)
		rounds = strtoul(argv[2], NULL, 10);
	if (chosen == NULL || rk_percpu_create(&pool, &options, sizeof(options)) != 0 || rk_percpu_alloc(pool, &base) != 0)
		return 2;
	if (strcmp(where, "stack") == 0)
		return work_on_stack();
	if (strcmp(where, "late") == 0 && pthread_create(&thread, NULL, work_late, NULL) == 0)
		pthread_exit(NULL);
	return work_and_check();
}

#else

int main(void)
{
	return 77;
}

#endif
