/* SPDX-License-Identifier: MIT */
/*
 * test_allocator.c - tests this library with a preloaded allocator (neighbours/allocator.c). The allocator's per-CPU mode uses
 * __rseq_abi. The allocator chooses its mode before any constructor of this library runs.
 *
 * This library is linked (LINKED) or opened late. No component aborts, every block keeps its contents, and counters are exact.
 * If this library sees __rseq_abi, the allocator and the library use one area.
 */
#include "test.h"
#include <sys/time.h>
#include "load.h"

static const struct neighbour *allocator;
static const struct copy *copy;
static struct rk_counter *counter;
static int64_t handled;

static void find_allocator(void)
{
	neighbour_function *function;

	*(void **)&function = dlsym(RTLD_DEFAULT, "neighbour_calls");
	CHECK(function != NULL);
	allocator = function();
}

static void load_library(void)
{
#if LINKED
	copy = copy_of_rseqkit();
#else
	void *handle;

	copy = load_copy_of_rseqkit("copy-shared.so", LOCAL, &handle);
#endif
	CHECK(copy != NULL && copy->create(&counter) == 0);
}

#define BLOCKS 64

/* Uses blocks of many sizes, each filled with a mark, and checks the marks. */
static void use_heap(unsigned seed, int rounds)
{
	struct {
		unsigned char *memory;
		size_t size;
		unsigned char mark;
	} blocks[BLOCKS] = {0};

	for (int i = 0; i < rounds; i++) {
		unsigned which = (seed = seed * 1103515245 + 12345) >> 16;
		size_t size = 1 + (which & 0xfff);

		which %= BLOCKS;
		for (size_t k = 0; k < blocks[which].size; k++)
			CHECK(blocks[which].memory[k] == blocks[which].mark);
		if (blocks[which].memory != NULL && (i & 3) == 0) {
			size_t kept = size < blocks[which].size ? size : blocks[which].size;

			blocks[which].memory = realloc(blocks[which].memory, size);
			for (size_t k = 0; k < kept; k++)
				CHECK(blocks[which].memory[k] == blocks[which].mark);
		} else {
			free(blocks[which].memory);
			blocks[which].memory = (i & 7) == 1 ? aligned_alloc(256, size) : malloc(size);
			CHECK((i & 7) != 1 || (uintptr_t)blocks[which].memory % 256 == 0);
		}
		CHECK(blocks[which].memory != NULL);
		blocks[which].size = size;
		blocks[which].mark = (unsigned char)i;
		memset(blocks[which].memory, i, size);
		copy->add(counter, 1);
	}
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i].memory);
}

static void *work(void *arg)
{
	uintptr_t number = (uintptr_t)arg;

	/* In even threads the counter is used first, in odd threads the allocator. */
	if (number % 2 == 0)
		copy->add(counter, 1);
	use_heap((unsigned)number, 500);
	if (number % 2 == 1)
		copy->add(counter, 1);
	if (allocator->is_fast() && strcmp(getenv("VISIBLE"), "yes") == 0) {
		CHECK(copy->prepare() == 0);
		CHECK((volatile void *)(uintptr_t)copy->area() == allocator->area());
		CHECK(kernel_says_registered(copy->area(), 32));
	}
	return NULL;
}

static void on_alarm(int signo)
{
	(void)signo;
	copy->add(counter, 1000000);
	handled++;
}

static int many_threads(int n)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct itimerval interval = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
	bool off = world_owner() == RK_OWNER_SELF;
	void (*report)(uint64_t *, uint64_t *);
	uint64_t made, threads;
	sigset_t set;

	find_allocator();
	/* The allocator chose its mode before the library ran: the per-CPU mode if the libc doesn't register threads. */
	CHECK(allocator->is_fast() == off);
	load_library();
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &interval, NULL);
	/* Signal handlers run in this thread only, so `handled` needs no atomic access. */
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	for (int i = 0; i < n; i += 4) {
		pthread_t batch[4];

		pthread_sigmask(SIG_BLOCK, &set, NULL);
		for (int k = 0; k < 4; k++)
			CHECK(pthread_create(&batch[k], NULL, work, (void *)(uintptr_t)(i / 4 + k)) == 0);
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		for (int k = 0; k < 4; k++)
			pthread_join(batch[k], NULL);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	CHECK(copy->sum(counter) == (int64_t)n * 501 + 1000000 * handled);
	CHECK(allocator->is_fast() == off);
	*(void **)&report = dlsym(RTLD_DEFAULT, "allocator_report");
	report(&made, &threads);
	CHECK(made > 400 * (uint64_t)n && threads > (uint64_t)n);
	return 0;
}

static void everybody_is_exact(void **state)
{
	(void)state;
	assert_int_equal(in_child_with(many_threads, (int)ROUNDS(1000) / 4 * 4), 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(everybody_is_exact),
};

RUN(tests)
