/* SPDX-License-Identifier: MIT */
/*
 * Tests rules for all headers. A structure that later releases can extend is passed together with its size; callers of
 * older and newer releases must work. And rk_error_text() has a text for each errno that a header names.
 */
#include "refuse.h"

#include <dirent.h>
#include <stdio.h>

/* A structure as a later release would have it: 16 bytes longer. */
#define LATER(name)                                                                                                    \
	union {                                                                                                        \
		struct name now;                                                                                       \
		unsigned char bytes[sizeof(struct name) + 16];                                                         \
	}

static void options_of_other_releases(void **state)
{
	LATER(rk_percpu_options) pool_options = {.now = {.item_size = 8}};
	LATER(rk_cache_options) cache_options = {.now = {.destruct = NULL}};
	LATER(rk_ring_options) ring_options = {.now = {.size = RK_RING_SIZE_MIN}};
	struct rk_percpu *pool;
	struct rk_cache *cache;
	struct rk_ring *ring;

	(void)state;
	/* The caller is from an earlier release, whose structure had only the first member. */
	pool_options.now.flags = RK_PERCPU_DEBUG;
	assert_int_equal(rk_percpu_create(&pool, &pool_options.now, sizeof(size_t)), 0);
	assert_int_equal(rk_percpu_check(pool, NULL, NULL, 0), 0);
	assert_int_equal(rk_percpu_destroy(pool), 0);
	ring_options.now.flags = ~0u;
	assert_int_equal(rk_ring_create(&ring, &ring_options.now, sizeof(size_t)), 0);
	assert_int_equal(rk_ring_destroy(ring), 0);
	assert_int_equal(rk_ring_create(&ring, &ring_options.now, sizeof(ring_options.now)), -EINVAL);
	assert_int_equal(rk_cache_create(&cache, &cache_options.now, sizeof(uint32_t)), -EINVAL); /* the options lack a
	destructor */

	/* The caller is from a later release. At first it sets no new member, and then it sets one. */
	ring_options.now.flags = 0;
	cache_options.now.destruct = (void (*)(void *, void *))(uintptr_t)abort;
	assert_int_equal(rk_percpu_create(&pool, &pool_options.now, sizeof(pool_options)), 0);
	assert_int_equal(rk_percpu_destroy(pool), 0);
	assert_int_equal(rk_ring_create(&ring, &ring_options.now, sizeof(ring_options)), 0);
	assert_int_equal(rk_ring_destroy(ring), 0);
	assert_int_equal(rk_cache_create(&cache, &cache_options.now, sizeof(cache_options)), 0);
	assert_int_equal(rk_cache_destroy(cache), 0);
	pool_options.bytes[sizeof(pool_options) - 1] = 1;
	ring_options.bytes[sizeof(ring_options.now)] = 1;
	cache_options.bytes[sizeof(cache_options) - 1] = 1;
	assert_int_equal(rk_percpu_create(&pool, &pool_options.now, sizeof(pool_options)), -E2BIG);
	assert_int_equal(rk_ring_create(&ring, &ring_options.now, sizeof(ring_options)), -E2BIG);
	assert_int_equal(rk_cache_create(&cache, &cache_options.now, sizeof(cache_options)), -E2BIG);

	/* rk_percpu_options_fault() says which option is wrong. */
	assert_string_equal(rk_percpu_options_fault(&pool_options.now, sizeof(pool_options)), rk_error_text(-E2BIG));
	assert_string_equal(rk_percpu_options_fault(NULL, sizeof(pool_options)), rk_error_text(-EINVAL));
	assert_null(rk_percpu_options_fault(&pool_options.now, sizeof(pool_options.now)));
	pool_options.now.alignment = 3;
	assert_non_null(strstr(rk_percpu_options_fault(&pool_options.now, sizeof(pool_options.now)), "alignment"));
	assert_null(rk_ring_options_fault(&ring_options.now, sizeof(ring_options.now)));
	ring_options.now.flags = 4;
	assert_non_null(strstr(rk_ring_options_fault(&ring_options.now, sizeof(ring_options.now)), "flags"));
	assert_null(rk_cache_options_fault(&cache_options.now, sizeof(cache_options.now)));
	cache_options.now.destruct = NULL;
	assert_non_null(strstr(rk_cache_options_fault(&cache_options.now, sizeof(cache_options.now)), "destruct"));

	assert_int_equal(rk_percpu_create(&pool, &pool_options.now, 0), -EINVAL);
	assert_int_equal(rk_ring_create(&ring, &ring_options.now, 0), -EINVAL);
	assert_int_equal(rk_cache_create(&cache, &cache_options.now, 0), -EINVAL);
}

static bool is_filled(const unsigned char *from, size_t size, unsigned char with)
{
	for (size_t i = 0; i < size; i++)
		if (from[i] != with)
			return false;
	return true;
}

static void answers_of_other_releases(void **state)
{
	LATER(rk_percpu_fault) fault;
	LATER(rk_percpu_report) report;
	LATER(rk_ring_reader) reader;
	struct rk_percpu_options options = {.item_size = 8, .flags = RK_PERCPU_DEBUG};
	struct rk_ring_options ring_options = {.size = RK_RING_SIZE_MIN};
	struct rk_percpu *pool;
	struct rk_ring *ring;
	char *item;

	(void)state;
	assert_int_equal(rk_percpu_create(&pool, &options, sizeof(options)), 0);
	assert_int_equal(rk_percpu_alloc(pool, (void **)&item), 0);
	memset(&fault, 0xff, sizeof(fault));
	assert_int_equal(rk_percpu_check(pool, item + 1, &fault.now, sizeof(fault.now.misuse)), 1);
	assert_int_equal(fault.now.misuse, RK_MISUSE_NOT_AN_ITEM);
	assert_true(is_filled(fault.bytes + sizeof(fault.now.misuse), sizeof(fault) - sizeof(fault.now.misuse), 0xff));
	assert_int_equal(rk_percpu_check(pool, item + 1, &fault.now, sizeof(fault)), 1);
	assert_ptr_equal(fault.now.item, item + 1);
	assert_true(is_filled(fault.bytes + sizeof(fault.now), 16, 0));
	assert_int_equal(rk_percpu_check(pool, item, &fault.now, 0), -EINVAL);
	memset(&report, 0xff, sizeof(report));
	assert_int_equal(rk_percpu_query(pool, 0, &report.now, sizeof(size_t)), 0);
	assert_int_equal(report.now.items, 1);
	assert_true(is_filled(report.bytes + sizeof(size_t), sizeof(report) - sizeof(size_t), 0xff));
	assert_int_equal(rk_percpu_query(pool, 0, &report.now, sizeof(report)), 0);
	assert_true(is_filled(report.bytes + sizeof(report.now), 16, 0));
	assert_int_equal(rk_percpu_free(pool, item), 0);
	assert_int_equal(rk_percpu_destroy(pool), 0);

	assert_int_equal(rk_ring_create(&ring, &ring_options, sizeof(ring_options)), 0);
	memset(&reader, 0xff, sizeof(reader));
	assert_int_equal(rk_ring_open(ring, 0, &reader.now, sizeof(reader.now) - 1), -EINVAL);
	assert_true(is_filled(reader.bytes, sizeof(reader), 0xff));
	assert_int_equal(rk_ring_open(ring, 0, &reader.now, sizeof(reader)), 0);
	assert_true(is_filled(reader.bytes + sizeof(reader.now), 16, 0));
	assert_int_equal(rk_ring_close(&reader.now), 0);
	assert_int_equal(rk_ring_destroy(ring), 0);
}

#ifdef __GLIBC__
static char headers[1 << 20];

static void read_headers(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[4096];
	size_t length = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		FILE *file;

		/* Skips embed.h, which doesn't need this library. */
		if (strstr(entry->d_name, ".h") == NULL || strcmp(entry->d_name, "embed.h") == 0)
			continue;
		assert_true(snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < (int)sizeof(path));
		file = fopen(path, "r");
		assert_non_null(file);
		length += fread(headers + length, 1, sizeof(headers) - 1 - length, file);
		fclose(file);
	}
	closedir(dir);
	assert_true(length >= 100000 && length <= sizeof(headers) - 2);
}

/* Returns true if the headers name -ENAME as a whole word. */
static bool is_named(const char *name)
{
	char word[64];

	snprintf(word, sizeof(word), "-%s", name);
	for (const char *at = headers; (at = strstr(at, word)) != NULL; at++)
		if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_", at[strlen(word)]) == NULL)
			return true;
	return false;
}

static void each_error_has_a_text(void **state)
{
	int named = 0;

	(void)state;
	read_headers(HEADERS);
	for (int error = 1; error < 134; error++) {
		const char *name = strerrorname_np(error), *text = rk_error_text(-error);

		if (name == NULL || strcmp(name, "EAGAIN") == 0 || strcmp(name, "EWOULDBLOCK") == 0)
			name = error == EAGAIN ? "EAGAIN" : NULL;
		if (error == ENOTSUP)
			name = "ENOTSUP"; /* the name that the headers use */
		if (name == NULL)
			continue;
		if (is_named(name) != (strcmp(text, "unknown") != 0))
			fail_msg("%s: %s", name, text);
		assert_string_equal(text, rk_error_text(error));
		named += is_named(name);
	}
	assert_true(named >= 20);
	assert_string_equal(rk_error_text(-4096), "unknown");
	assert_string_equal(rk_error_text(INT32_MIN), "unknown");
	assert_string_equal(rk_error_text(0), "it was done");
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_of_other_releases),
		cmocka_unit_test(answers_of_other_releases),
#ifdef __GLIBC__
		cmocka_unit_test(each_error_has_a_text),
#endif
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
