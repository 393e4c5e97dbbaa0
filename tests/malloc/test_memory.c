/* SPDX-License-Identifier: MIT */
/* test_memory.c - tests how much memory the allocator uses and gives back, and what it does if there is no memory. */
#include "test.h"
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static void *volatile sink;

/* Returns a value in kB from a file about this process. */
static long memory(const char *path, const char *what)
{
	FILE *file = fopen(path, "r");
	char line[256];
	long kb = -1;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL)
		if (strncmp(line, what, strlen(what)) == 0 && sscanf(line + strlen(what), ": %ld", &kb) == 1)
			break;
	fclose(file);
	return kb;
}

/*
 * Returns the resident memory in kB. First forbids the kernel to merge small pages into huge pages, because huge pages make more
 * memory resident than the program touched. VmRSS isn't used, because it lacks the pages that each CPU has counted separately.
 * On some kernels these are many.
 */
static long resident(void)
{
	assert_int_equal(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
	return memory("/proc/self/smaps_rollup", "Rss");
}

/* Under a limit on the address space malloc() fails with ENOMEM. It succeeds again after the program has freed memory. */
static void no_memory(void **state)
{
	struct rlimit before, limit;
	void *held[4096];
	int n = 0;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)memory("/proc/self/status", "VmSize") * 1024 + ((rlim_t)1 << 30);
	assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
	while (n < 4096 && (held[n] = malloc(n % 2 == 0 ? 1000000 : 20000)) != NULL)
		n++;
	assert_true(n > 500 && n < 4096);
	assert_int_equal(errno, ENOMEM);
	for (int i = 0; i < n; i++)
		free(held[i]);
	sink = malloc(1000000);
	assert_non_null(sink);
	free(sink);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
}

/* If the kernel gives no memory, the allocator uses free pages that it keeps for other sizes. Shrinking an object needs none. */
static int with_little_memory(void)
{
	const size_t has = (size_t)30 << 20;
	void **held = NULL, **got;
	struct rlimit limit;
	char *small = malloc(4000), *large = malloc(100000), *room = malloc(1500), *grown = realloc(malloc(1000), 1200);

	CHECK(small != NULL && large != NULL && room != NULL && grown != NULL && getrlimit(RLIMIT_AS, &limit) == 0);
	small[199] = 's';
	large[199] = 'l';
	grown[1199] = 'g';
	for (int i = 0; i < 2; i++) {
		sink = malloc(has);
		CHECK(sink != NULL);
		free(sink);
	}
	limit.rlim_cur = (rlim_t)memory("/proc/self/status", "VmSize") * 1024 + ((rlim_t)16 << 20);
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	for (size_t size = 30000; size >= 16; size -= (size + 15) / 16)
		while ((got = malloc(size)) != NULL) {
			*got = held;
			held = (void **)got;
		}
	CHECK(errno == ENOMEM && malloc(has) == NULL);
	errno = 0;
	free(room); /* the class with a reserve has no free object */
	grown = realloc(grown, 1400);
	CHECK(grown != NULL && grown[1199] == 'g');
	small = realloc(small, 200);
	large = realloc(large, 200);
	CHECK(small != NULL && large != NULL && small[199] == 's' && large[199] == 'l' && errno == 0);
	return 0;
}

static void little_memory(void **state)
{
	(void)state;
	assert_int_equal(in_child(with_little_memory), 0);
}

/*
 * The process limits its own address space, after the allocator has reserved the address space that it needs. After that each
 * size class (all objects that the allocator rounds up to one size) is used, most of them for the first time. Every object is
 * allocated several times, so that its class gets a cache.
 */
static int limit_itself(void)
{
	static void *held[100];
	struct rlimit limit = {(rlim_t)1 << 30, (rlim_t)1 << 30};

	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
	for (size_t size = 16; size <= 262144; size += (size + 127) / 128 * 16) {
		for (int i = 0; i < 100; i++) {
			held[i] = malloc(size);
			CHECK(held[i] != NULL);
			memset(held[i], 1, size);
		}
		for (int i = 0; i < 100; i++)
			free(held[i]);
	}
	for (int i = 0; i < 100; i++)
		CHECK((held[i] = malloc((size_t)4 << 20)) != NULL);
	return 0;
}

static void limit_set_later(void **state)
{
	(void)state;
	assert_true(memory("/proc/self/status", "VmSize") < 512 * 1024);
	assert_int_equal(in_child(limit_itself), 0);
}

/* Uses only few pages for 2.5 s. In this time the allocator gives unused memory back to the kernel. */
static void use_few_pages(void)
{
	for (int i = 0; i < 50; i++) {
		for (int k = 0; k < 32; k++) {
			sink = malloc(500000);
			free(sink);
		}
		usleep(50000);
	}
}

static void memory_goes_back(void **state)
{
	static void *held[200000];
	long before, full, after;

	(void)state;
	for (int size = 700; size < 1000000; size *= 30) {
		int n = (200 << 20) / size;

		(void)malloc_trim(0);
		before = resident();
		for (int i = 0; i < n && i < 200000; i++) {
			held[i] = malloc((size_t)size);
			memset(held[i], 1, (size_t)size);
		}
		full = resident();
		for (int i = 0; i < n && i < 200000; i++)
			free(held[i]);
		assert_true(resident() - before < (full - before) / 2);
		use_few_pages();
		after = resident();
		assert_true(full - before > 100000);
		assert_true(after - before < (full - before) / 6);
		(void)malloc_trim(0);
		assert_true(resident() - before < 4000);
	}
}

/*
 * Objects are freed in random order, so most spans (runs of pages for one size) have an object that a cache keeps. Then the
 * program allocates objects of other sizes. If the allocator didn't empty the caches, the heap would nearly double. The thread
 * stays on one CPU, because the allocator doesn't empty the caches' arrays of other CPUs at this time. The program frees the
 * last of the first objects only between the later allocations, so the cache of the first size is used all the time.
 */
static void pin_spans(size_t late)
{
	static void *held[100000], *others[40000];
	cpu_set_t before, one;
	long full;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	(void)malloc_trim(0);
	for (unsigned i = 0; i < 100000; i++)
		held[i] = malloc(300);
	full = resident();
	for (size_t i = 0; i < 100000; i++)
		if (i * 38699 % 100000 >= late)
			free(held[i * 38699 % 100000]);
	for (size_t i = 0; i < 40000; i++) {
		others[i] = malloc(700);
		if (i % 40 == 0 && i / 40 < late)
			free(held[i / 40]);
	}
	assert_true(resident() <= full + 4 * 1024);
	for (unsigned i = 0; i < 40000; i++)
		free(others[i]);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

static void caches_pin_no_spans(void **state)
{
	(void)state;
	pin_spans(0);
	pin_spans(1000);
}

/* A buffer that is freed and allocated again isn't mapped anew each time. */
static void buffers_stay(void **state)
{
	struct rusage before, after;

	(void)state;
	for (size_t size = 500000; size <= 24000000; size *= 3) {
		for (int i = 0; i < 23; i++) {
			char *buffer = malloc(size);

			if (i == 3)
				assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
			memset(buffer, i, size);
			free(buffer);
		}
		assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
		assert_true(after.ru_minflt - before.ru_minflt < (long)(size / 4096));
	}
}

/* A buffer that is freed only once goes back to the kernel at once. */
static int free_once(void)
{
	const size_t size = (size_t)16 << 20;
	char *buffer = malloc(size);
	long full;

	CHECK(buffer != NULL);
	memset(buffer, 1, size);
	full = resident();
	free(buffer);
	CHECK(full - resident() > 12 * 1024);
	return 0;
}

static void one_buffer_goes_back(void **state)
{
	(void)state;
	assert_int_equal(in_child(free_once), 0);
}

static long address_space(void)
{
	char text[64] = "";
	FILE *file = fopen("/proc/self/statm", "r");

	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	return atol(text) * 4;
}

/* A mapping that was split can't be moved, so realloc() must copy the object. */
static void split_mappings_are_copied(void **state)
{
	long before = address_space();

	(void)state;
	for (int i = 0; i < 10; i++) {
		char *object = malloc((size_t)40 << 20);

		memset(object, i, (size_t)40 << 20);
		assert_int_equal(madvise(object + ((size_t)1 << 20), 65536, MADV_DONTFORK), 0);
		object = realloc(object, (size_t)96 << 20);
		assert_int_equal(object[((size_t)40 << 20) - 1], i);
		free(object);
	}
	/* After the first failure the allocator moves no mapping again, so at most one range stays reserved. */
	assert_true(address_space() - before < 150 * 1024);
}

static size_t to_take; /* bytes that mremap() below allocates after the next move of a mapping; 0: it allocates nothing */
static void *taken;

void *mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	void *to, *moved;
	va_list list;

	va_start(list, flags);
	to = flags & MREMAP_FIXED ? va_arg(list, void *) : NULL;
	va_end(list);
	moved = (void *)syscall(SYS_mremap, old, old_size, size, flags, to);
	if (to_take != 0 && moved != MAP_FAILED && (flags & MREMAP_FIXED)) {
		size_t take = to_take;

		to_take = 0;
		taken = malloc(take);
	}
	return moved;
}

static int take_what_becomes_free(void)
{
	/* Within realloc() the allocator maps a page for the description, too, and 15 more pages so that it can align the object. */
	const size_t size = ((size_t)40 << 20) + 131072, less = 65536;
	char *object = malloc(size), *moved;

	/* Blocks the space after the object, so that realloc() must move it. */
	CHECK(object != NULL);
	CHECK(mmap(object + size, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != MAP_FAILED ||
	      errno == EEXIST);
	to_take = size - less;
	moved = realloc(object, 2 * size);
	CHECK(moved != NULL && moved != object);
	if (taken != object)
		return 77;
	memset(taken, 1, size - less);
	free(taken);
	free(moved);
	return 0;
}

static void places_that_become_free(void **state)
{
	int ended = in_child(take_what_becomes_free);

	(void)state;
	if (ended == 77)
		SKIP("the kernel chose another address");
	assert_int_equal(ended, 0);
}

static void *allocate_and_end(void *argument)
{
	(void)argument;
	for (int i = 0; i < 100; i++)
		free(malloc((size_t)(i * 50)));
	return NULL;
}

static void threads_leave_nothing(void **state)
{
	long before = 0;
	int rounds = (int)ROUNDS(3000);

	(void)state;
	for (int i = 0; i < rounds; i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, allocate_and_end, NULL), 0);
		pthread_join(thread, NULL);
		if (i == rounds / 10)
			before = resident();
	}
	assert_true(resident() - before < 1000);
}

static int add_variables(struct dl_phdr_info *info, size_t size, void *bytes)
{
	(void)size;
	for (int i = 0; strstr(info->dlpi_name, "librseqkit-malloc") != NULL && i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_W))
			*(size_t *)bytes += info->dlpi_phdr[i].p_memsz;
	return 0;
}

/* A huge page for the allocator's variables would take 2 MiB in each process, so the variables are smaller than a huge page. */
static void variables_have_no_huge_page(void **state)
{
	size_t bytes = 0;

	(void)state;
	(void)dl_iterate_phdr(add_variables, &bytes);
	assert_true(bytes >= 65536 && bytes < (size_t)2 << 20);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(limit_set_later), /* must run first, before other tests use the size classes */
	cmocka_unit_test(one_buffer_goes_back), /* before other tests free buffers again and again */
	cmocka_unit_test(no_memory),
	cmocka_unit_test(little_memory),
	cmocka_unit_test(places_that_become_free),
	cmocka_unit_test(memory_goes_back),
	cmocka_unit_test(caches_pin_no_spans),
	cmocka_unit_test(buffers_stay),
	cmocka_unit_test(split_mappings_are_copied),
	cmocka_unit_test(threads_leave_nothing),
	cmocka_unit_test(variables_have_no_huge_page),
};

RUN(tests)
