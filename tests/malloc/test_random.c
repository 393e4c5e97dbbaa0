/* SPDX-License-Identifier: MIT */
/*
 * test_random.c - makes random sequences of calls, and compares each object with a model of its contents and size.
 *
 * Threads share the objects, so a thread frees many objects that other threads have allocated. Each object is filled
 * with its own bytes, so the test notices objects that overlap, and an object that malloc() returns twice. Threads end and new
 * threads continue, children of fork continue with all objects, and signal handlers allocate, too.
 */
#include "refuse.h"
#include <malloc.h>
#include <sched.h>
#include <sys/resource.h>

#define OBJECTS 4096
#define THREADS 6

struct object {
	pthread_mutex_t lock;
	unsigned char *at;
	size_t size;
	uint64_t seed;
};

#pragma GCC diagnostic ignored "-Wpedantic" /* ranges */
static struct object objects[OBJECTS] = {[0 ... OBJECTS - 1] = {.lock = PTHREAD_MUTEX_INITIALIZER}};
static volatile sig_atomic_t handled;

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static size_t some_size(uint64_t *random)
{
	/* The random sizes: one in 64 is below 5 MiB, 4 in 64 are below 270000, 15 in 64 below 4096, and the rest below 300. */
	static const struct {
		unsigned below, size;
	} kinds[] = {{1, 5 << 20}, {5, 270000}, {20, 4096}, {64, 300}};
	uint64_t r = next(random);
	int i = 0;

	while (r % 64 >= kinds[i].below)
		i++;
	return (size_t)(r >> 8) % kinds[i].size;
}

/* Writes the first and last bytes, and some between them. */
static void fill(struct object *object)
{
	size_t step = object->size > 512 ? object->size / 64 : 1;

	for (size_t i = 0; i < object->size; i += step)
		object->at[i] = (unsigned char)(object->seed + i);
	if (object->size > 0)
		object->at[object->size - 1] = (unsigned char)(object->seed >> 8);
}

static void look(const struct object *object, size_t upto)
{
	size_t step = object->size > 512 ? object->size / 64 : 1;

	for (size_t i = 0; i < object->size && i < upto; i += step)
		if (i != object->size - 1)
			assert_int_equal(object->at[i], (unsigned char)(object->seed + i));
	if (object->size > 0 && upto >= object->size)
		assert_int_equal(object->at[object->size - 1], (unsigned char)(object->seed >> 8));
}

static void *made(uint64_t *random, size_t size)
{
	size_t alignment = (size_t)1 << next(random) % 18;
	void *at;

	switch (next(random) % 8) {
	case 0:
		at = calloc(1, size);
		for (size_t i = 0; i < size; i += size > 512 ? 61 : 1)
			assert_int_equal(((unsigned char *)at)[i], 0);
		return at;
	case 1:
		assert_int_equal(posix_memalign(&at, alignment < 8 ? 8 : alignment, size), 0);
		assert_int_equal((uintptr_t)at % alignment, 0);
		return at;
	case 2:
		at = memalign(alignment, size);
		assert_int_equal((uintptr_t)at % alignment, 0);
		return at;
	default:
		return malloc(size);
	}
}

static void step(struct object *object, uint64_t *random)
{
	size_t size = some_size(random);

	if (object->at == NULL) {
		object->at = made(random, size);
	} else if (next(random) % 4 == 0) {
		look(object, SIZE_MAX);
		object->at = realloc(object->at, size == 0 ? 1 : size);
		assert_non_null(object->at);
		look(object, size == 0 ? 1 : size);
		size = size == 0 ? 1 : size;
	} else {
		look(object, SIZE_MAX);
		free(object->at);
		object->at = NULL;
		return;
	}
	assert_non_null(object->at);
	assert_int_equal((uintptr_t)object->at % 16, 0);
	assert_true(malloc_usable_size(object->at) >= size);
	object->size = size;
	object->seed = next(random);
	fill(object);
}

static void *run(void *argument)
{
	uint64_t random = (uintptr_t)argument * 0x9e3779b97f4a7c15u + 1;
	int64_t rounds = ROUNDS(30000);

	for (int64_t i = 0; i < rounds; i++) {
		struct object *object = &objects[next(&random) % OBJECTS];

		pthread_mutex_lock(&object->lock);
		step(object, &random);
		pthread_mutex_unlock(&object->lock);
	}
	return NULL;
}

static void free_all(void)
{
	for (int i = 0; i < OBJECTS; i++) {
		if (objects[i].at == NULL)
			continue;
		look(&objects[i], SIZE_MAX);
		free(objects[i].at);
		objects[i].at = NULL;
	}
}

static void move_to(int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	(void)sched_setaffinity(0, sizeof(one), &one);
}

static void one_thread(void **state)
{
	(void)state;
	for (uintptr_t seed = 100; seed < 104; seed++)
		run((void *)seed);
	free_all();
}

static void threads_that_come_and_go(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (uintptr_t generation = 0; generation < 4; generation++) {
		for (uintptr_t i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, run, (void *)(generation * THREADS + i)), 0);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
	}
	free_all();
}

/* The child's copies of the objects are whole, except objects that other threads were changing. The child doesn't use these. */
static void child(uintptr_t seed)
{
	uint64_t random = seed + 1;

	alarm(900); /* on a busy machine this child takes minutes */
	for (int i = 0; i < 3000; i++) {
		struct object *object = &objects[next(&random) % OBJECTS];

		if (pthread_mutex_trylock(&object->lock) != 0)
			continue;
		step(object, &random);
		pthread_mutex_unlock(&object->lock);
	}
	_exit(0);
}

static void forks_among_threads(void **state)
{
	pthread_t threads[THREADS];
	int status, forks = (int)ROUNDS(100);

	(void)state;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run, (void *)(200 + i)), 0);
	for (int i = 0; i < forks; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			child((uintptr_t)i);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	free_all();
}

/* Changes this thread's objects, on the first CPU, until *stop. */
static void *run_at_first_cpu(void *stop)
{
	uint64_t random = 77;

	move_to(0);
	while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
		step(&objects[next(&random) % 64], &random);
	return NULL;
}

/*
 * A vfork child uses its parent's memory and its parent's area. The area says CPU 0 while the child runs on another CPU. If the
 * allocator's vfork() didn't unregister the parent, the child's sections would corrupt the data of CPU 0.
 */
static void vfork_and_allocate(bool is_refused)
{
	bool stop = false;
	pthread_t thread;
	int status, forks = (int)ROUNDS(300);

	CHECK(pthread_create(&thread, NULL, run_at_first_cpu, &stop) == 0);
	move_to(0);
	if (is_refused)
		refuse(SYS_rseq, SYS_rseq, EPERM);
	for (int i = 0; i < forks; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			uint64_t random = 5;

			move_to(1);
			for (int k = 0; k < 2000; k++)
				step(&objects[64 + next(&random) % 64], &random);
			_exit(0);
		}
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	free_all();
}

static int vfork_under_a_filter(void)
{
	vfork_and_allocate(true);
	return 0;
}

static void vfork_children_allocate(void **state)
{
	cpu_set_t before;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	if (!CPU_ISSET(0, &before) || !CPU_ISSET(1, &before))
		skip();
	vfork_and_allocate(false);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	/* If a filter refuses rseq, the allocator's vfork() can't unregister the parent, and makes the child by fork(). */
	assert_int_equal(in_child(vfork_under_a_filter), 0);
}

/* A filter makes madvise() return 0 without effect, so the memory isn't given back. */
static int calloc_under_a_filter(void)
{
	enum { RUNS = 200, SIZE = 60000 };
	static const unsigned char none[SIZE];
	void *runs[RUNS];

	filter_calls(SYS_madvise, SYS_madvise, SECCOMP_RET_ERRNO, 0);
	for (int i = 0; i < RUNS; i++) {
		runs[i] = malloc(SIZE);
		CHECK(runs[i] != NULL);
		memset(runs[i], 0xa5, SIZE);
	}
	for (int i = 1; i < RUNS; i += 2) /* only every second object, so that the allocator unmaps no whole chunk */
		free(runs[i]);
	malloc_trim(0);
	for (int i = 1; i < RUNS; i += 2) {
		runs[i] = calloc(1, SIZE);
		CHECK(runs[i] != NULL && memcmp(runs[i], none, SIZE) == 0);
	}
	return 0;
}

static void zeroed_whatever_a_filter_says(void **state)
{
	(void)state;
	assert_int_equal(in_child(calloc_under_a_filter), 0);
}

/* This handler runs at any instruction. malloc() in this handler is allowed to fail, but must not wait. */
static void handle(int signal)
{
	static uint64_t random = 4711;
	unsigned char *at = malloc(some_size(&random) % 100000);

	(void)signal;
	if (at != NULL)
		*at = 1;
	free(at);
	handled++;
}

static void handlers_allocate(void **state)
{
	struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
	struct itimerval often = {.it_interval.tv_usec = 200, .it_value.tv_usec = 200}, never = {.it_value.tv_sec = 0};

	(void)state;
	assert_int_equal(sigaction(SIGPROF, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_PROF, &often, NULL), 0);
	for (uintptr_t seed = 300; seed < 400 && (seed < 303 || handled < 10); seed++)
		run((void *)seed);
	assert_int_equal(setitimer(ITIMER_PROF, &never, NULL), 0);
	free_all();
	assert_true(handled >= 10);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(one_thread),
	cmocka_unit_test(threads_that_come_and_go),
	cmocka_unit_test(forks_among_threads),
	cmocka_unit_test(zeroed_whatever_a_filter_says),
	cmocka_unit_test(vfork_children_allocate),
	cmocka_unit_test(handlers_allocate),
};

RUN(tests)
