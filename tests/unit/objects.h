/* SPDX-License-Identifier: MIT */
/*
 * objects.h - a fixed supply of objects for a cache (cache.h). The invariant: each object is in exactly one state. It
 * is held by a thread, in the cache once, not yet made, or destructed.
 */
#ifndef OBJECTS_H
#define OBJECTS_H

#include "test.h"

#define OBJECTS 20000

enum where { UNMADE, HELD, CACHED };

struct object {
	int where;
};

static struct object objects[OBJECTS];
static int made;                      /* number of objects of the supply that were made so far */
static uint64_t constructed, destructed; /* number of objects that construct() made and that destruct() received */
static bool barren;                   /* if true, the constructor returns NULL */
static struct rk_cache *cache;
static int wrong_objects;

static inline bool is_object(const void *pointer)
{
	return (const struct object *)pointer >= objects && (const struct object *)pointer < objects + OBJECTS &&
	       ((uintptr_t)pointer - (uintptr_t)objects) % sizeof(struct object) == 0;
}

/*
 * Moves an object from the state `from` to the state `to`. If the object isn't in `from`, counts it in wrong_objects.
 * Handlers and threads call this function.
 */
static inline void move(void *object, enum where from, enum where to)
{
	if (!is_object(object) || __atomic_exchange_n(&((struct object *)object)->where, to, __ATOMIC_RELAXED) != (int)from)
		__atomic_fetch_add(&wrong_objects, 1, __ATOMIC_RELAXED);
}

/*
 * A new object's state is CACHED until get() changes it to HELD, so a callback can put the object into the cache without
 * changing its state.
 */
static inline void *construct(void *context)
{
	int number;

	if (context != &cache)
		__atomic_fetch_add(&wrong_objects, 1, __ATOMIC_RELAXED);
	number = barren ? OBJECTS : __atomic_fetch_add(&made, 1, __ATOMIC_RELAXED);
	if (number >= OBJECTS)
		return NULL;
	move(&objects[number], UNMADE, CACHED);
	__atomic_fetch_add(&constructed, 1, __ATOMIC_RELAXED);
	return &objects[number];
}

static inline void destruct(void *context, void *object)
{
	if (context != &cache)
		__atomic_fetch_add(&wrong_objects, 1, __ATOMIC_RELAXED);
	move(object, CACHED, UNMADE);
	__atomic_fetch_add(&destructed, 1, __ATOMIC_RELAXED);
}

static inline void create(struct rk_cache_options options)
{
	for (int i = 0; i < OBJECTS; i++)
		objects[i].where = UNMADE;
	made = wrong_objects = 0;
	constructed = destructed = 0;
	barren = false;
	if (options.construct == NULL)
		options.construct = construct;
	if (options.destruct == NULL && options.destruct_batch == NULL)
		options.destruct = destruct;
	options.context = &cache;
	assert_int_equal(rk_cache_create(&cache, &options, sizeof(options)), 0);
}

static inline struct object *get(void)
{
	void *object = rk_cache_get(cache);

	if (object != NULL)
		move(object, CACHED, HELD);
	return (struct object *)object;
}

static inline void put(struct object *object)
{
	move(object, HELD, CACHED);
	rk_cache_put(cache, object);
}

static inline struct rk_cache_report stats(void)
{
	struct rk_cache_report report;

	CHECK(rk_cache_query(cache, &report, sizeof(report)) == 0);
	return report;
}

static inline int count_objects(enum where where)
{
	int n = 0;

	for (int i = 0; i < OBJECTS; i++)
		n += objects[i].where == (int)where;
	return n;
}

/* Destroys the cache. After that, every object that no thread holds must be destructed. */
static inline void drop(void)
{
	int held = count_objects(HELD);

	assert_int_equal(rk_cache_destroy(cache), 0);
	assert_int_equal(count_objects(CACHED), 0);
	assert_int_equal(constructed - destructed, held);
	assert_int_equal(wrong_objects, 0);
}

#endif /* OBJECTS_H */
