/* SPDX-License-Identifier: MIT */
/*
 * children.c - shows hazards of a vfork child that uses its parent's area, and of a child that shares memory. A case that runs
 * without its cure shows the harm. With the cure there must be no harm.
 *
 *	children CASE [cure]
 *	children guarded
 *
 * In `cpu` a vfork child on another CPU than its parent reads its CPU number. In `lost` such a child counts while a thread of
 * the parent counts on the parent's CPU. The cure for both cases is the bracket: rk_vfork_begin() and rk_vfork_end().
 *
 * In `register` the child registers its parent's area again, with the original length. This is what a component would do that
 * doesn't recognise a vfork child. `register-full` uses the kernel's whole feature size, which selects optimised mode if the
 * kernel has it. The cure for both cases is the bracket, in a program whose threads this library registers.
 *
 * `guarded` stores to an id in legacy mode, and dies if the kernel kills a process for that. `shared` counts by concurrency id
 * in memory that two processes share. The cure is to count by CPU.
 */
#include "refuse.h"
#include "naive.h"
#include <rseqkit/ops.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#define ADDS 1000000
#define ROUNDS_MAX 1000 /* rounds without the cure at most; a round shows no harm if the threads work one after the other */

static bool cure;
static int cpus[2];
static struct rk_counter *counter;
static volatile int child_stage; /* 1 while the child counts */

static void begin_bracket(void)
{
	if (cure)
		CHECK(rk_vfork_begin() == 0);
}

static void end_bracket(void)
{
	if (cure)
		CHECK(rk_vfork_end() == 0);
}

/* The parent, on the first CPU, creates a child that runs `body`. Returns the child's exit status. */
static int vforked(int (*body)(void))
{
	pid_t pid;

	pin(cpus[0]);
	begin_bracket();
	pid = vfork();
	if (pid == 0)
		_exit(body());
	end_bracket();
	return exit_status_of(pid);
}

/* The libc's sched_getcpu() can read the area, so this function makes the system call. */
static int compare_cpus(void)
{
	unsigned cpu;

	pin(cpus[1]);
	CHECK(syscall(SYS_getcpu, &cpu, NULL, NULL) == 0 && (int)cpu == cpus[1]);
	return rk_cpu() == cpus[1] ? RIGHT : WRONG;
}

static void count(void)
{
	for (int i = 0; i < ADDS; i++)
		rk_counter_add(counter, 1);
}

static void *count_beside(void *arg)
{
	pin(cpus[0]);
	CHECK(rk_thread_prepare() == 0);
	while (child_stage == 0)
		sched_yield();
	count();
	return arg;
}

static int count_in_child(void)
{
	pin(cpus[1]);
	child_stage = 1;
	count();
	return RIGHT;
}

/* Returns how many rounds to count at most. Without the cure the rounds end as soon as an increment is lost. */
static int rounds(void)
{
	return !cure ? ROUNDS_MAX : SLOWNESS() == 1 ? 3 : 1;
}

/*
 * Two threads on two CPUs that use one CPU's memory of the counter lose an increment sooner or later. With the bracket, the
 * child counts in the memory for threads without rseq, so no increment is lost.
 */
static int lost(void)
{
	for (int64_t round = 1; round <= rounds(); round++) {
		pthread_t thread;

		child_stage = 0;
		CHECK(pthread_create(&thread, NULL, count_beside, NULL) == 0);
		CHECK(vforked(count_in_child) == RIGHT);
		CHECK(pthread_join(thread, NULL) == 0);
		if (rk_counter_sum(counter) != round * 2 * ADDS) {
			printf("%lld of %lld, in round %lld\n", (long long)rk_counter_sum(counter), (long long)round * 2 * ADDS,
			       (long long)round);
			return LOST;
		}
	}
	return RIGHT;
}

static struct {
	struct rk_area area;
	char room[224];
} shared __attribute__((__aligned__(256)));
static uint32_t shared_length;

static int register_in_child(void)
{
	return naive_rseq(&shared, shared_length, 0, RK_SIGNATURE) == 0 ? RIGHT : REFUSED;
}

/* Undoes this thread's present registration, and registers the area in `shared` with this length. */
static void register_shared(uint32_t length)
{
	shared_length = length;
	if (kernel_says_any())
		CHECK(naive_rseq((volatile void *)(uintptr_t)rk_thread_area(), process_info().length, 1, RK_SIGNATURE) == 0);
	CHECK(naive_rseq(&shared, length, 0, RK_SIGNATURE) == 0);
}

/* Checks that the parent is still registered after the child's end, and that its area shows the parent's CPU. */
static int parent_survives(uint32_t length)
{
	register_shared(length);
	CHECK(vforked(register_in_child) == RIGHT);
	for (int i = 0; i < 20; i++) {
		pin(cpus[i % 2]);
		if ((int)*(volatile uint32_t *)&shared.area.cpu_id != cpus[i % 2])
			return WRONG;
	}
	return kernel_says_registered(&shared, length) ? RIGHT : WRONG;
}

/* The kernel corrects the store, or kills the process for it. */
static int store_to_id(void)
{
	register_shared(RK_AREA_LENGTH_ORIGINAL);
	*(volatile uint32_t *)(uintptr_t)&shared.area.cpu_id = 0x55555555;
	for (int i = 0; i < 20; i++)
		pin(cpus[i % 2]);
	return RIGHT;
}

static int refuse_in_child(void)
{
	CHECK(rk_thread_prepare() == -EAGAIN);
	rk_counter_add(counter, 1);
	return RIGHT;
}

/*
 * Tests the same as parent_survives(), but with this library, in the mode that the library has on this kernel. If `full` is true
 * and this mode uses only the original length, the case can't run.
 */
static int ours_survives(bool full)
{
	uint32_t length = process_info().length;

	if (full && length <= RK_AREA_LENGTH_ORIGINAL) {
		printf("areas are registered with %u bytes here: legacy mode\n", (unsigned)length);
		return CANNOT;
	}
	CHECK(rk_thread_prepare() == 0);
	CHECK(vforked(refuse_in_child) == RIGHT);
	for (int i = 0; i < 20; i++) {
		pin(cpus[i % 2]);
		if (rk_cpu() != cpus[i % 2])
			return WRONG;
	}
	return kernel_says_registered(rk_thread_area(), length) && rk_counter_sum(counter) == 1 ? RIGHT : WRONG;
}

/* Runs in two processes with one thread each. Both threads have concurrency id 0. */
static void count_shared(void *base, volatile int *stage)
{
	int mine = __atomic_add_fetch(stage, 1, __ATOMIC_RELAXED);

	pin(cpus[mine % 2]);
	while (*stage < 2)
		sched_yield();
	for (int i = 0; i < ADDS;)
		i += (cure ? rk_cpu_add(base, 1) : rk_cid_add(base, 1)) == RK_DONE;
}

static int lost_between_processes(void)
{
	const size_t size = (size_t)rk_cpus_count() * RK_STRIDE;
	char *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	volatile int *stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(base != MAP_FAILED && stage != MAP_FAILED);
	if (rk_cid() < 0) {
		printf("this kernel has no concurrency ids\n");
		return CANNOT;
	}
	for (int round = 1; round <= rounds(); round++) {
		int64_t sum = 0;
		pid_t pid;

		*stage = 0;
		pid = fork();
		count_shared(base, stage);
		if (pid == 0)
			_exit(RIGHT);
		CHECK(exit_status_of(pid) == RIGHT);
		for (size_t at = 0; at < size; at += RK_STRIDE)
			sum += *(int64_t *)(void *)(base + at);
		if (sum != (int64_t)round * 2 * ADDS) {
			printf("%lld of %lld, in round %d\n", (long long)sum, (long long)round * 2 * ADDS, round);
			return LOST;
		}
	}
	return RIGHT;
}

int main(int argc, char **argv)
{
	unsigned long feature_size = getauxval(27 /* AT_RSEQ_FEATURE_SIZE */);

	cure = argc == 3 && strcmp(argv[2], "cure") == 0;
	if (argc < 2)
		return USAGE;
	if (!two_cpus(cpus)) {
		printf("needs two CPUs\n");
		return CANNOT;
	}
	CHECK(rk_counter_create(&counter) == 0);
	if (strcmp(argv[1], "cpu") == 0)
		return vforked(compare_cpus);
	if (strcmp(argv[1], "lost") == 0)
		return lost();
	if (strcmp(argv[1], "shared") == 0)
		return lost_between_processes();
	if (strcmp(argv[1], "guarded") == 0)
		return store_to_id();
	if (cure && strncmp(argv[1], "register", strlen("register")) == 0)
		return ours_survives(strcmp(argv[1], "register-full") == 0);
	if (strcmp(argv[1], "register") == 0)
		return parent_survives(RK_AREA_LENGTH_ORIGINAL);
	if (strcmp(argv[1], "register-full") != 0)
		return USAGE;
	if (feature_size <= RK_AREA_LENGTH_ORIGINAL || feature_size > sizeof(shared)) {
		printf("this kernel's areas have %lu bytes of fields: it has no optimised mode\n", feature_size);
		return CANNOT;
	}
	return parent_survives((uint32_t)feature_size);
}
