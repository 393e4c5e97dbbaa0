/* SPDX-License-Identifier: MIT */
/*
 * test_ways.c - tests that librseqkit never calls the allocator in its own work, so an allocator can use librseqkit anywhere.
 *
 * This program's own malloc() counts its calls in each thread, from the library's first operation on. Calls in constructors
 * aren't counted, because the dynamic linker allocates there for symbol lookups.
 */
#include "test.h"

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

static __thread int calls;
static __thread bool is_counting;

static void count(void)
{
	calls += is_counting;
}

void *malloc(size_t size)
{
	count();
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	count();
	return __libc_calloc(n, size);
}

void *realloc(void *at, size_t size)
{
	count();
	return __libc_realloc(at, size);
}

void free(void *at)
{
	count();
	__libc_free(at);
}

static void *construct(void *context)
{
	static char objects[100][64];
	static int n;

	(void)context;
	return n < 100 ? objects[n++] : NULL;
}

static void destruct(void *context, void *object)
{
	(void)context;
	(void)object;
}

static void *first_operations(void *argument)
{
	struct rk_cache_options options = {.construct = construct, .destruct = destruct};
	struct rk_cache *cache = NULL;
	struct rk_mutex mutex = RK_MUTEX_INIT;
	void *objects[10];

	(void)argument;
	is_counting = true;
	assert_int_equal(rk_cache_create(&cache, &options, sizeof(options)), 0);
	for (int i = 0; i < 10; i++)
		objects[i] = rk_cache_get(cache);
	for (int i = 0; i < 10; i++)
		rk_cache_put(cache, objects[i]);
	for (int cpu = 0; cpu < rk_cpus_count(); cpu++)
		(void)rk_cache_reclaim(cache, cpu);
	(void)rk_cache_trim(cache, 0);
	assert_int_equal(rk_cache_destroy(cache), 0);
	(void)rk_thread_prepare();
	assert_int_equal(rk_mutex_lock(&mutex), 0);
	assert_int_equal(rk_mutex_unlock(&mutex), 0);
	is_counting = false;
	assert_int_equal(calls, 0);
	return NULL;
}

static void in_the_first_thread(void **state)
{
	(void)state;
	first_operations(NULL);
}

static void in_new_threads(void **state)
{
	pthread_key_t keys[40];
	pthread_t thread;

	(void)state;
	/* The libc allocates memory for the values of keys above the first 32. */
	for (int i = 0; i < 40; i++)
		assert_int_equal(pthread_key_create(&keys[i], NULL), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(pthread_create(&thread, NULL, first_operations, NULL), 0);
		pthread_join(thread, NULL);
	}
	for (int i = 0; i < 40; i++)
		pthread_key_delete(keys[i]);
}

static void in_a_child(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		first_operations(NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* Checks that this test counts calls at all. */
static void calls_are_counted(void **state)
{
	(void)state;
	is_counting = true;
	free(strdup("x"));
	is_counting = false;
	assert_int_equal(calls, 2);
	calls = 0;
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(calls_are_counted),
	cmocka_unit_test(in_the_first_thread),
	cmocka_unit_test(in_new_threads),
	cmocka_unit_test(in_a_child),
};

RUN(tests)
