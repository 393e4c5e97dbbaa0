/* SPDX-License-Identifier: MIT */
/*
 * cache_bench.h - the benches `cache` and `cache-batch`: threads take objects of 64 bytes and give them back, one or 64 at a
 * time.
 *
 * The contenders of a bench are different ways to do its job. A contender that is an allocator is measured by malloc() and
 * free(). rseqkit bench starts a process of this program for each allocator. In this process, malloc() and free() are the
 * allocator's. bench_malloc_file() returns the file that they are in.
 *
 * A thread writes to each object that it holds, and an asm statement hides the object from the compiler. Therefore no compiler
 * removes an allocation together with its free(). Invariant: no object is handed out twice while it is held. After a slice (one
 * measured run, bench.h) bench_settle_*() check the invariant, as far as the contents of the objects show it.
 */
#ifndef RK_BENCH_CACHE_H
#define RK_BENCH_CACHE_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define BENCH_OBJECT_SIZE 64
#define BENCH_BATCH 64         /* the number of objects that one turn of `cache-batch` takes and gives back */
#define BENCH_OBJECTS_MAX 131072 /* enough for 1024 threads that hold a batch each, and for the cache's arrays */

struct bench_object {
	unsigned char touched;
	bool found; /* the check has found this object */
} __attribute__((__aligned__(BENCH_OBJECT_SIZE)));

/* A stock of objects, under a mutex. */
struct bench_guarded {
	pthread_mutex_t mutex;
	size_t count;
	size_t made; /* the number of objects that were ever made */
	void *objects[BENCH_OBJECTS_MAX];
};

extern struct bench_guarded bench_cache_guarded;

/* The cache of the contender rseqkit. The cache takes its objects from a struct bench_guarded of its own, and gives them back. */
extern struct rk_cache *bench_cache;

/* Creates the cache, empty. Returns 0 or a negative errno. */
int bench_cache_create(void);

/*
 * Destroys the cache and creates a new one. Checks that after the destruction the cache's struct bench_guarded has all
 * objects that were ever made, each once.
 */
bool bench_settle_cache_rseqkit(void);

/* Returns the file that malloc() is in; "" if it isn't known. */
const char *bench_malloc_file(void);

/* Allocates objects by malloc(), fills and compares them. Returns false if two objects overlap, or if there is no memory. */
bool bench_settle_cache_malloc(void);

/* Does `guarded` have every object that was made, and each only once? Was each object written to? */
bool bench_cache_has_all(struct bench_guarded *guarded);

/* Checks that bench_cache_guarded has all objects that were ever made, each once. */
bool bench_settle_cache_mutex(void);

/*
 * Makes `count` objects, because `guarded` had too few. Returns 0. Returns 1 if there is no memory, or if more than
 * BENCH_OBJECTS_MAX objects would have been made.
 */
int bench_cache_make(struct bench_guarded *guarded, void **objects, size_t count);

BENCH_INLINE void cache_touch(void *const *objects, size_t count)
{
	for (size_t i = 0; i < count; i++)
		*(volatile unsigned char *)objects[i] = 1;
}

BENCH_INLINE int cache_rseqkit(struct rk_cache *cache)
{
	void *object = rk_cache_get(cache);

	BENCH_HIDE(object);
	if (RKI_UNLIKELY(!object))
		return 1;
	cache_touch(&object, 1);
	rk_cache_put(cache, object);
	return 0;
}

BENCH_INLINE int cache_rseqkit_batch(struct rk_cache *cache, void **objects)
{
	size_t count = rk_cache_get_batch(cache, objects, BENCH_BATCH);

	BENCH_HIDE(objects);
	cache_touch(objects, count);
	rk_cache_put_batch(cache, objects, count);
	return count != BENCH_BATCH;
}

BENCH_INLINE int cache_malloc(void)
{
	void *object = malloc(BENCH_OBJECT_SIZE);

	BENCH_HIDE(object);
	if (RKI_UNLIKELY(!object))
		return 1;
	cache_touch(&object, 1);
	free(object);
	return 0;
}

BENCH_INLINE int cache_malloc_batch(void **objects)
{
	int failed = 0;

	for (size_t i = 0; i < BENCH_BATCH; i++) {
		objects[i] = malloc(BENCH_OBJECT_SIZE);
		failed |= !objects[i];
	}
	BENCH_HIDE(objects);
	if (RKI_UNLIKELY(failed))
		return 1;
	cache_touch(objects, BENCH_BATCH);
	for (size_t i = 0; i < BENCH_BATCH; i++)
		free(objects[i]);
	return 0;
}

/* Locks the mutex once for `count` objects. If `guarded` has too few objects, makes the missing objects. */
BENCH_INLINE int cache_mutex_take(struct bench_guarded *guarded, void **objects, size_t count)
{
	size_t there;

	(void)pthread_mutex_lock(&guarded->mutex);
	there = guarded->count < count ? guarded->count : count;
	guarded->count -= there;
	memcpy(objects, guarded->objects + guarded->count, there * sizeof(objects[0]));
	(void)pthread_mutex_unlock(&guarded->mutex);
	return RKI_LIKELY(there == count) ? 0 : bench_cache_make(guarded, objects + there, count - there);
}

BENCH_INLINE void cache_mutex_give(struct bench_guarded *guarded, void *const *objects, size_t count)
{
	(void)pthread_mutex_lock(&guarded->mutex);
	memcpy(guarded->objects + guarded->count, objects, count * sizeof(objects[0]));
	guarded->count += count;
	(void)pthread_mutex_unlock(&guarded->mutex);
}

BENCH_INLINE int cache_mutex(struct bench_guarded *guarded, void **objects, size_t count)
{
	if (cache_mutex_take(guarded, objects, count) != 0)
		return 1;
	BENCH_HIDE(objects);
	cache_touch(objects, count);
	cache_mutex_give(guarded, objects, count);
	return 0;
}

#endif /* RK_BENCH_CACHE_H */
