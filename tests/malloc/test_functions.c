/* SPDX-License-Identifier: MIT */
/* test_functions.c - checks each function of the allocator against its manual page: results, errno, alignments, limits. */
#include "test.h"
#include <dlfcn.h>
#include <malloc.h>
#include <sys/auxv.h>

static void *volatile sink;

/* Hides the size from the compiler. */
static size_t unknown(size_t size)
{
	__asm__("" : "+r"(size));
	return size;
}

static void sizes_and_alignments(void **state)
{
	(void)state;
	for (size_t size = 0; size < 70000; size += size < 3000 ? 1 : 97) {
		char *at = malloc(size);

		assert_non_null(at);
		assert_int_equal((uintptr_t)at % 16, 0);
		assert_true(malloc_usable_size(at) >= size);
		/* At most 16 bytes and a third of the size are wasted, except in objects of whole 4096-byte pages. */
		assert_true(malloc_usable_size(at) <= 16 + size + size / 3 || malloc_usable_size(at) % 4096 == 0);
		memset(at, 1, malloc_usable_size(at));
		free(at);
	}
	for (size_t alignment = 16; alignment <= (size_t)8 << 20; alignment *= 2) {
		for (size_t size = 0; size < 200000; size = size * 3 + 1) {
			void *at = aligned_alloc(alignment, size), *other = memalign(alignment - 3, size), *third;

			assert_non_null(at);
			assert_non_null(other);
			assert_int_equal((uintptr_t)at % alignment, 0);
			assert_int_equal((uintptr_t)other % alignment, 0);
			assert_int_equal(posix_memalign(&third, alignment, size), 0);
			assert_int_equal((uintptr_t)third % alignment, 0);
			free(other);
			free(third);
			at = realloc(at, size + 100);
			assert_non_null(at);
			free(at);
		}
	}
	sink = valloc(5);
	assert_int_equal((uintptr_t)sink % 4096, 0);
	free(sink);
	sink = pvalloc(4097);
	assert_int_equal((uintptr_t)sink % 4096, 0);
	assert_true(malloc_usable_size(sink) >= 8192);
	free(sink);
}

#define REFUSES(call, code)                                                                                            \
	do {                                                                                                           \
		errno = 0;                                                                                             \
		sink = (call);                                                                                         \
		assert_null(sink);                                                                                     \
		assert_int_equal(errno, code);                                                                         \
	} while (0)

static void what_cannot_be(void **state)
{
	void *at = malloc(100), *untouched = at;

	(void)state;
	REFUSES(malloc(unknown(SIZE_MAX)), ENOMEM);
	REFUSES(malloc(unknown(PTRDIFF_MAX)), ENOMEM);
	REFUSES(malloc(unknown((size_t)1 << 60)), ENOMEM);
	REFUSES(calloc(unknown(SIZE_MAX / 2), 4), ENOMEM);
	REFUSES(calloc(unknown((size_t)1 << 60), 1), ENOMEM);
	REFUSES(realloc(at, unknown(SIZE_MAX)), ENOMEM);
	REFUSES(reallocarray(untouched, unknown(SIZE_MAX), 2), ENOMEM);
	REFUSES(aligned_alloc(unknown(24), 100), EINVAL);
	REFUSES(aligned_alloc(unknown(0), 100), EINVAL);
	REFUSES(memalign(unknown(SIZE_MAX), 100), EINVAL);
	REFUSES(memalign(unknown(((size_t)1 << 63) + 1), 100), EINVAL);
	REFUSES(memalign(unknown((size_t)1 << 63), 100), ENOMEM);
	REFUSES(memalign(unknown(((size_t)1 << 62) + 1), 100), ENOMEM);
	REFUSES(aligned_alloc(unknown((size_t)1 << 62), 100), ENOMEM);
	REFUSES(aligned_alloc(64, unknown(SIZE_MAX - 10)), ENOMEM);
	REFUSES(pvalloc(unknown(SIZE_MAX - 10)), ENOMEM);
	REFUSES(valloc(unknown(SIZE_MAX - 10)), ENOMEM);
	errno = 77;
	assert_int_equal(posix_memalign(&untouched, 24, 8), EINVAL);
	assert_int_equal(posix_memalign(&untouched, 4, 8), EINVAL);
	assert_int_equal(posix_memalign(&untouched, 64, unknown(SIZE_MAX)), ENOMEM);
	assert_ptr_equal(untouched, at);
	assert_int_equal(errno, 77);
	free(at);
	free(NULL);
	assert_int_equal(errno, 77);
	assert_int_equal(malloc_usable_size(NULL), 0);
	sink = realloc(malloc(50), 0);
	assert_null(sink);
}

static void memory_reads_as_zero(void **state)
{
	(void)state;
	for (size_t size = 1; size < 6 << 20; size = size * 2 + 13) {
		for (int i = 0; i < 3; i++) {
			unsigned char *at = calloc(size, 1);

			assert_non_null(at);
			for (size_t k = 0; k < size; k++)
				if (at[k] != 0)
					fail_msg("byte %zu of %zu is %d", k, size, at[k]);
			memset(at, 0xa5, malloc_usable_size(at));
			free(at);
		}
	}
}

static void contents_move_along(void **state)
{
	size_t had = 1;
	unsigned char *at = malloc(had);

	(void)state;
	at[0] = 1;
	for (size_t size = 2; size < 40 << 20; size += size / 3 + 1) {
		at = realloc(at, size);
		assert_non_null(at);
		assert_int_equal(at[0], 1);
		assert_int_equal(at[had - 1], (unsigned char)had);
		at[size - 1] = (unsigned char)size;
		had = size;
	}
	for (size_t size = had / 3; size > 1; size /= 3) {
		at[size - 1] = 99;
		at = realloc(at, size);
		assert_non_null(at);
		assert_int_equal(at[0], 1);
		assert_int_equal(at[size - 1], 99);
		assert_true(malloc_usable_size(at) < size * 3 + 8192);
	}
	free(at);
}

/* An object that grows step by step gets pages of its own early, and grows there without moving. Other objects don't get pages. */
static void grows_in_place(void **state)
{
	const char *options = getenv("RSEQKIT_MALLOC");
	char *at = malloc(16), *other = malloc(5000);
	unsigned moves = 0;

	(void)state;
	if ((options != NULL && strstr(options, "guard") != NULL) || sysconf(_SC_PAGESIZE) != 4096) {
		printf("# reason: guards, or the kernel has other pages\n");
		skip();
	}
	for (size_t size = 24; size < 1 << 20; size += size / 10 + 8) {
		char *now = realloc(at, size);

		assert_non_null(now);
		moves += now != at && size > 8192;
		at = now;
	}
	assert_true(moves > 0 && moves <= 3);
	other = realloc(other, 10000);
	assert_true(malloc_usable_size(other) % 4096 != 0);
	at = realloc(at, 10000);
	assert_true(malloc_usable_size(at) % 4096 != 0);
	free(at);
	free(other);
}

/* An object that grows by small steps gets a reserve of at most a third, and keeps its place if its size stays the same. */
static void grows_with_reserve(void **state)
{
	const size_t first = 64, last = 8192;
	char *at = malloc(first), *other;
	unsigned moves = 0;

	(void)state;
	for (size_t size = first + 1; size < last; size++) {
		char *now = realloc(at, size);

		assert_non_null(now);
		moves += now != at;
		at = now;
		assert_ptr_equal(realloc(at, size), at);
	}
	assert_in_range(moves, 10, 22); /* there are 28 classes between the two sizes */
	at = realloc(at, 2000);
	assert_true(malloc_usable_size(at) <= 2048); /* what becomes smaller gets no reserve */
	at = realloc(at, 3000);
	assert_true(malloc_usable_size(at) <= 3072); /* nor what grows by a larger step */
	other = realloc(malloc(1500), 1600);
	assert_true(malloc_usable_size(other) <= 1792); /* nor the first step of an object */
	free(at);
	free(other);
}

/* An object whose size changes up and down by a little stays where it is after a few moves. */
static void stays_between_sizes(void **state)
{
	static const size_t sizes[][2] = {{95, 97}, {760, 770}, {1530, 1600}, {3400, 3585}, {4000, 4100}, {6800, 7200}};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *at = realloc(malloc(2 * sizes[i][0]), sizes[i][0]);
		unsigned moves = 0;

		for (int k = 0; k < 100; k++) {
			char *now = realloc(at, sizes[i][k % 2 == 0]);

			assert_non_null(now);
			moves += now != at;
			at = now;
		}
		assert_in_range(moves, 0, 3);
		free(at);
	}
}

/* Like malloc(), these functions must be those of librseqkit-malloc.so, and not the libc's. */
static void other_names(void **state)
{
	static const char *const names[] = {"vfork", "__vfork", "free_sized", "free_aligned_sized",
					    "mallinfo2", "malloc_info", "malloc_stats"};
	Dl_info ours, its;
	void (*free_any)(void *);

	(void)state;
	assert_true(dladdr((void *)(uintptr_t)malloc, &ours) != 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *symbol = dlsym(RTLD_DEFAULT, names[i]);

		assert_non_null(symbol);
		assert_true(dladdr(symbol, &its) != 0);
		assert_string_equal(its.dli_fname, ours.dli_fname);
	}
	free_any = (void (*)(void *))(uintptr_t)dlsym(RTLD_DEFAULT, "free_sized");
	free_any(malloc(100));
}

/* Checks that the allocator doesn't mark free objects with the random value that protects stacks. */
static void marks_are_no_canaries(void **state)
{
	uintptr_t *object = malloc(100), random[2];

	(void)state;
	memcpy(random, (void *)getauxval(AT_RANDOM), sizeof(random));
	free(object);
	for (int i = 0; i < 2; i++)
		assert_true(((object[1] ^ (uintptr_t)object ^ random[i]) & ~(uintptr_t)0xff) != 0);
}

static void numbers_add_up(void **state)
{
	struct mallinfo2 before = mallinfo2(), now;
	void *small[1000], *mapping = malloc(40 << 20);

	(void)state;
	for (int i = 0; i < 1000; i++)
		small[i] = malloc(1000);
	now = mallinfo2();
	assert_int_equal(now.hblks, before.hblks + 1);
	assert_true(now.hblkhd - before.hblkhd >= 40 << 20);
	assert_true(now.uordblks - before.uordblks >= 1000 * 1000);
	assert_true(now.uordblks - before.uordblks < 1000 * 1500 + 65536);
	assert_true(now.uordblks + now.fordblks == now.arena);
	for (int i = 0; i < 1000; i++)
		free(small[i]);
	free(mapping);
	now = mallinfo2();
	assert_int_equal(now.hblks, before.hblks);
	/* The unused ends of spans (runs of pages) may still count as in use. Guard pages (RSEQKIT_MALLOC=guard) may, too. */
	assert_true(now.uordblks <= before.uordblks + 131072);
}

/* Reads a number after `word` in the text of malloc_info() or malloc_stats(). */
static size_t number_after(const char *text, const char *word)
{
	const char *at = strstr(text, word);

	if (at == NULL)
		fail_msg("no %s in: %s", word, text);
	return (size_t)strtoull(at + strlen(word), NULL, 10);
}

/* write_stats() runs in a handler. The texts of malloc_stats() and malloc_info() go to files, because a pipe could be full. */
static char text[16384];
static int written;
static void write_stats(int signal)
{
	int before = dup(STDERR_FILENO);

	(void)signal;
	(void)dup2(written, STDERR_FILENO);
	malloc_stats();
	(void)dup2(before, STDERR_FILENO);
	(void)close(before);
}

static const char *text_of(int fd)
{
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

	assert_true(length > 0);
	text[length] = '\0';
	return text;
}

/*
 * The statistics count a thousand objects of one size as in use, and as free after they are freed. Their size class has no
 * other objects.
 */
static void texts_are_true(void **state)
{
	static void *held[1000];
	size_t used, idle;
	FILE *file = tmpfile();

	(void)state;
	assert_non_null(file);
	written = fileno(tmpfile());
	for (int i = 0; i < 1000; i++)
		held[i] = malloc(3000);
	assert_true(signal(SIGUSR1, write_stats) != SIG_ERR);
	assert_int_equal(raise(SIGUSR1), 0);
	used = number_after(strstr(text_of(written), "rseq in this thread"), "]: ");
	idle = number_after(text, "in use, ");
	for (int i = 0; i < 1000; i++)
		free(held[i]);
	assert_int_equal(ftruncate(written, 0), 0);
	assert_int_equal(lseek(written, 0, SEEK_SET), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_true(used - number_after(strstr(text_of(written), "rseq in this thread"), "]: ") >= 3000);
	/*
	 * The size class's cache keeps at least the freed objects for which its arrays (one per CPU) and its depot (for all
	 * CPUs) have room.
	 */
	assert_true(number_after(text, "in use, ") >= idle);
	assert_non_null(strstr(text, "per-CPU caches"));
	assert_int_equal(malloc_info(1, file), EINVAL);
	assert_int_equal(malloc_info(0, file), 0);
	assert_int_equal(fflush(file), 0);
	assert_true(number_after(text_of(fileno(file)), "to=\"3072\" total=\"") % 3072 == 0);
	assert_true(number_after(text, "to=\"3072\" total=\"") >= (size_t)20 * 3072);
	assert_int_equal(number_after(text, "current\" size=\""), mallinfo2().arena + mallinfo2().hblkhd);
	assert_non_null(strstr(text, "</malloc>"));
	(void)fclose(file);
	(void)close(written);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(sizes_and_alignments),
	cmocka_unit_test(what_cannot_be),
	cmocka_unit_test(memory_reads_as_zero),
	cmocka_unit_test(contents_move_along),
	cmocka_unit_test(grows_in_place),
	cmocka_unit_test(grows_with_reserve),
	cmocka_unit_test(stays_between_sizes),
	cmocka_unit_test(other_names),
	cmocka_unit_test(marks_are_no_canaries),
	cmocka_unit_test(numbers_add_up),
	cmocka_unit_test(texts_are_true),
};

RUN(tests)
