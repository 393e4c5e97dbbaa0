/* SPDX-License-Identifier: MIT */
/* test_misuse.c - frees pointers twice, and pointers that never came from malloc(). The process must end with a message. */
#include "test.h"
#include <malloc.h>
#include <pthread.h>

static char not_from_malloc[64];

static void sink_of(void *pointer)
{
	__asm__ volatile("" : : "r"(pointer));
}

/* Hides the pointer from the compiler, which would warn about the mistake. */
static void *hide(void *pointer)
{
	__asm__("" : "+r"(pointer));
	return pointer;
}

/* Allocates many objects. If an object was freed twice, the allocator notices when its cache returns the object again. */
static void hand_out(size_t size)
{
	char *held[5000];

	for (int i = 0; i < 5000; i++)
		held[i] = malloc(size);
	for (int i = 0; i < 5000; i++)
		free(held[i]);
}

static void free_small_twice(void)
{
	char *at = malloc(100);

	free(hide(at));
	free(hide(at));
	hand_out(100);
}

/* Between the two calls of free(), another malloc() returns the object, so the second call frees another user's object. */
static void free_what_is_anothers(void)
{
	char *at = malloc(100), *again;

	free(hide(at));
	free(hide(at));
	again = malloc(100);
	memset(again, 0, 100);
	hand_out(100);
}

static void write_to_freed(void)
{
	char *at = malloc(100);

	free(hide(at));
	memset(hide(at), 0, 100);
	hand_out(100);
}

static void free_small_twice_later(void)
{
	char *at = malloc(100), *others[5000];

	free(hide(at));
	for (int i = 0; i < 5000; i++)
		others[i] = malloc(i % 2 == 0 ? 2000 : 5000);
	for (int i = 0; i < 5000; i++)
		free(others[i]);
	free(hide(at));
	hand_out(100);
}

/* The program overwrites the mark of the free object, so only the object's span (its pages) can detect the second free. */
static void free_after_writing(void)
{
	char *held[3000], *at = malloc(1000);

	for (int i = 0; i < 3000; i++)
		held[i] = malloc(1000);
	free(hide(at));
	memset(hide(at), 1, 16);
	free(hide(at));
	for (int i = 0; i < 3000; i++)
		free(held[i]);
	malloc_trim(0);
}

/* The object is in a cache twice. malloc() returns it once, and the cache also gives it back to its span. */
static void free_what_is_anothers_to_span(void)
{
	char *at = malloc(100), *again;

	free(hide(at));
	free(hide(at));
	again = malloc(100);
	memset(again, 0, 100);
	(void)malloc_trim(0);
	hand_out(100);
}

static void *free_when_cancelled(void *nonsense)
{
	(void)pthread_cancel(pthread_self());
	free(nonsense);
	return NULL;
}

static void free_in_cancelled_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, free_when_cancelled, hide((void *)0x4141414141414141)) == 0)
		pthread_join(thread, NULL);
}

static void free_spans_twice(void)
{
	char *at = malloc(100000);

	free(hide(at));
	free(hide(at));
	hand_out(100000);
}

static void free_large_twice(void)
{
	char *at = malloc(1000000);

	free(hide(at));
	free(hide(at));
}

static void free_mapping_twice(void)
{
	char *at = malloc(40 << 20);

	free(hide(at));
	free(hide(at));
}

static void free_inside(void)
{
	free((char *)hide(malloc(100)) + 16);
}

static void free_inside_misaligned(void)
{
	free((char *)hide(malloc(100)) + 1);
}

static void free_inside_spans(void)
{
	free((char *)hide(malloc(100000)) + 65536);
}

static void free_inside_large(void)
{
	free((char *)hide(malloc(300000)) + 65536);
}

static void free_static(void)
{
	free(hide(not_from_malloc + 16));
}

static void free_stack(void)
{
	char here[64];

	free(hide(here));
}

static void free_nonsense(void)
{
	free(hide((void *)0x4141414141414141));
}

static void resize_freed(void)
{
	char *at = malloc(100);

	free(hide(at));
	sink_of(realloc(hide(at), 200));
}

static void resize_inside(void)
{
	sink_of(realloc((char *)hide(malloc(100)) + 32, 200));
}

static void ask_size_of_static(void)
{
	(void)malloc_usable_size(hide(not_from_malloc));
}

static const struct misuse {
	const char *name, *says;
	void (*how)(void);
} misuses[] = {
	{"small, twice", "freed twice", free_small_twice},
	{"small, twice, much later", "freed twice", free_small_twice_later},
	{"small, twice, written to in between", "freed twice", free_after_writing},
	{"small, another's", "freed twice", free_what_is_anothers},
	{"small, another's, to its span", "freed twice", free_what_is_anothers_to_span},
	{"nonsense, in a cancelled thread", "no pointer from malloc", free_in_cancelled_thread},
	{"spans, twice", "librseqkit-malloc: ", free_spans_twice},
	{"large, twice", "no pointer from malloc", free_large_twice},
	{"mapping, twice", "no pointer from malloc", free_mapping_twice},
	{"inside", "no pointer from malloc", free_inside},
	{"inside, misaligned", "no pointer from malloc", free_inside_misaligned},
	{"inside of spans", "no pointer from malloc", free_inside_spans},
	{"inside of large", "no pointer from malloc", free_inside_large},
	{"static", "no pointer from malloc", free_static},
	{"stack", "no pointer from malloc", free_stack},
	{"nonsense", "no pointer from malloc", free_nonsense},
	{"realloc of freed", "freed already", resize_freed},
	{"realloc inside", "no pointer from malloc", resize_inside},
	{"usable size of static", "no pointer from malloc", ask_size_of_static},
};

static const struct misuse of_caches[] = {
	{"small, written to", "written to after", write_to_freed},
};

/*
 * Binds the thread to its CPU. If it moved between two calls of free(), the object would be in the arrays of two CPUs. Then the
 * allocator would detect the second call only after threads on both CPUs got the object.
 */
static void stay_here(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

/* Runs `how` in a child and stores its standard error in `text`. Returns the child's wait status. */
static int end_of(void (*how)(void), char *text, size_t size)
{
	int ends[2], status;
	size_t length = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		signal(SIGSEGV, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		stay_here();
		how();
		_exit(0);
	}
	close(ends[1]);
	while (length < size - 1 && (n = read(ends[0], text + length, size - 1 - length)) > 0)
		length += (size_t)n;
	text[length] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void expect_all(const struct misuse *list, size_t count)
{
	char text[512];

	for (size_t i = 0; i < count; i++) {
		int status = end_of(list[i].how, text, sizeof(text));

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || strstr(text, list[i].says) == NULL)
			fail_msg("%s: status %#x, says \"%s\"", list[i].name, (unsigned)status, text);
	}
}

/* At this time, only the size classes that cmocka uses have a cache. */
static void misuse_ends_the_process(void **state)
{
	(void)state;
	expect_all(misuses, sizeof(misuses) / sizeof(misuses[0]));
}

static void misuse_of_caches_ends_the_process(void **state)
{
	void *held[200];

	(void)state;
	for (size_t size = 16; size <= 262144; size += (size + 127) / 128 * 16) {
		for (int i = 0; i < 200; i++)
			held[i] = malloc(size);
		for (int i = 0; i < 200; i++)
			free(held[i]);
	}
	expect_all(misuses, sizeof(misuses) / sizeof(misuses[0]));
	expect_all(of_caches, sizeof(of_caches) / sizeof(of_caches[0]));
}

static void write_after_span(void)
{
	char *first = malloc(64), *at = hide(first);

	/* Writes up to the span's end, where the guard begins. */
	for (; (uintptr_t)at % 65536 != 65535; at++)
		*at = 1;
}

static void write_after_large(void)
{
	char *at = hide(malloc(100000));

	memset(at, 1, malloc_usable_size(at) + 1);
}

static void free_twice_and_end(void)
{
	char *at = malloc(100);

	free(hide(at));
	free(hide(at));
}

/*
 * With RSEQKIT_MALLOC=guard, an access to the last page of a span (a run of pages for one size), or to the page after a large
 * object, is a fault. The second free() of an object then ends the process itself.
 */
static void guards_are_there(void **state)
{
	const char *option = getenv("RSEQKIT_MALLOC");
	bool is_on = option != NULL && strcmp(option, "guard") == 0;
	char text[512];
	int status;

	(void)state;
	status = end_of(write_after_large, text, sizeof(text));
	if (is_on)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	status = end_of(write_after_span, text, sizeof(text));
	if (is_on)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	else
		assert_int_equal(status, 0);
	status = end_of(free_twice_and_end, text, sizeof(text));
	if (is_on)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(misuse_ends_the_process),
	cmocka_unit_test(misuse_of_caches_ends_the_process),
	cmocka_unit_test(guards_are_there),
};

RUN(tests)
