/* SPDX-License-Identifier: MIT */
/*
 * cache_bench.c - the objects of the benches `cache` and `cache-batch`, and their checks (cache_bench.h).
 */
#define _GNU_SOURCE
#include "cache_bench.h"

#include <dlfcn.h>

#define SAMPLE 256 /* the number of objects that a check of malloc() allocates */

struct bench_guarded bench_cache_guarded = {.mutex = PTHREAD_MUTEX_INITIALIZER};
struct rk_cache *bench_cache;

static struct bench_guarded supply = {.mutex = PTHREAD_MUTEX_INITIALIZER}; /* bench_cache takes its objects from here */

const char *bench_malloc_file(void)
{
	/* Asks the dynamic linker, because in a program `malloc` can be the address of a PLT entry. */
	void *function = dlsym(RTLD_DEFAULT, "malloc");
	Dl_info info;

	return function && dladdr(function, &info) != 0 && info.dli_fname ? info.dli_fname : "";
}

bool bench_settle_cache_malloc(void)
{
	unsigned char *objects[SAMPLE];
	bool whole = true;

	for (int i = 0; i < SAMPLE; i++) {
		objects[i] = malloc(BENCH_OBJECT_SIZE);
		if (objects[i])
			memset(objects[i], i, BENCH_OBJECT_SIZE);
	}
	for (int i = 0; i < SAMPLE; i++) {
		whole &= objects[i] != NULL;
		for (int j = 0; objects[i] && j < BENCH_OBJECT_SIZE; j++)
			whole &= objects[i][j] == (unsigned char)i;
	}
	for (int i = 0; i < SAMPLE; i++)
		free(objects[i]);
	return whole;
}

int bench_cache_make(struct bench_guarded *guarded, void **objects, size_t count)
{
	if (__atomic_add_fetch(&guarded->made, count, __ATOMIC_RELAXED) > BENCH_OBJECTS_MAX)
		return 1;
	for (size_t i = 0; i < count; i++) {
		objects[i] = aligned_alloc(BENCH_OBJECT_SIZE, sizeof(struct bench_object));
		if (!objects[i])
			return 1;
		memset(objects[i], 0, sizeof(struct bench_object));
	}
	return 0;
}

bool bench_cache_has_all(struct bench_guarded *guarded)
{
	size_t found = 0;

	for (size_t i = 0; i < guarded->count; i++) {
		struct bench_object *object = guarded->objects[i];

		found += !object->found && object->touched == 1;
		object->found = true;
	}
	for (size_t i = 0; i < guarded->count; i++)
		((struct bench_object *)guarded->objects[i])->found = false;
	return found == guarded->count && found == guarded->made;
}

bool bench_settle_cache_mutex(void)
{
	return bench_cache_has_all(&bench_cache_guarded);
}

static void *construct(void *context)
{
	void *object;

	return cache_mutex_take(context, &object, 1) == 0 ? object : NULL;
}

static void destruct(void *context, void *object)
{
	cache_mutex_give(context, &object, 1);
}

int bench_cache_create(void)
{
	static const struct rk_cache_options options = {
		.per_cpu = 256, .batch = 64, .construct = construct, .destruct = destruct, .context = &supply};

	return rk_cache_create(&bench_cache, &options, sizeof(options));
}

bool bench_settle_cache_rseqkit(void)
{
	bool destroyed = rk_cache_destroy(bench_cache) == 0;

	return bench_cache_has_all(&supply) && destroyed && bench_cache_create() == 0;
}
