/* SPDX-License-Identifier: MIT */
/*
 * heap.c - caches in front of the spans. A class gets its cache when it is first used.
 */
#define _GNU_SOURCE
#include "heap.h"

#include <errno.h>
#include <pthread.h>
#include <rseqkit/thread.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include "large.h"
#include "locks.h"
#include "mark.h"
#include "spans.h"
#include "system.h"

#define PER_CPU_BYTES ((size_t)64 * 1024) /* bytes of the objects in a CPU's array; but at least 8 objects, and at most 256 */
#define PER_CPU_LEAST 8
#define PER_CPU_MOST 256

struct rk_cache *heap_caches[CLASSES], *heap_fine[FINE_MAX / FINE + 1];
uintptr_t heap_key;

/* Caches reserve gigabytes of address space. If RLIMIT_AS is lower than this limit, the process uses no caches. */
#define ADDRESS_SPACE_LEAST ((rlim_t)16 << 30)

/*
 * How many more objects of a class are taken from spans before the allocator tries again to create a cache. By then memory is
 * possibly available. Two threads can store the same count, because the exact number doesn't matter.
 */
static uint32_t due_in[CLASSES];
#define DUE_LATER 4096      /* with far fewer, tries would take much of the time: a try takes as long as a few hundred objects */
#define DUE_NEVER UINT32_MAX
static bool is_limited;
static __thread bool is_creating; /* while this is true, allocations by the library or the libc make no cache */

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static size_t per_cpu(unsigned class)
{
	size_t fit = PER_CPU_BYTES / size_classes[class].size;

	return fit < PER_CPU_LEAST ? PER_CPU_LEAST : least(fit, PER_CPU_MOST);
}

/* Gives objects back to the spans: all objects in depots, and the objects in arrays that were not used since the last call. */
static void collect(void)
{
	for (unsigned i = 1; i < CLASSES && rk_thread_reason() != RK_REASON_VFORK; i++) {
		if (heap_caches[i] == NULL)
			continue;
		(void)rk_cache_reclaim_idle(heap_caches[i]);
		(void)rk_cache_trim(heap_caches[i], 0);
	}
}

/*
 * An empty cache calls this function. It takes a batch of objects from spans, returns the first one, and puts the others into the
 * cache. An object in a cache keeps its span in use. So collect() empties caches before the heap grows.
 */
static void *construct(void *context)
{
	unsigned class = (unsigned)(uintptr_t)context;
	void *objects[RK_CACHE_BATCH_MAX];
	size_t most = least(per_cpu(class) / 4, RK_CACHE_BATCH_MAX), got = spans_take(class, heap_caches[class], objects, most, false);

	if (got == 0) {
		collect();
		got = spans_take(class, heap_caches[class], objects, most, true);
	}
	if (got == 0)
		return NULL;
	if (got > 1)
		rk_cache_put_batch(heap_caches[class], objects + 1, got - 1);
	return objects[0];
}

static void destruct(void *context, void *object)
{
	int saved = errno; /* free() must not change errno, and hasn't saved it before this call */

	spans_give((unsigned)(uintptr_t)context, object);
	errno = saved;
}

/* Possibly runs before the libc is ready. Nothing in this function allocates. */
static void begin(void)
{
	struct rlimit limit;

	if (getrandom(&heap_key, sizeof(heap_key), GRND_NONBLOCK) != sizeof(heap_key))
		heap_key = (uintptr_t)&limit * 0x9e3779b97f4a7c15; /* without getrandom(), only the stack's address is random */
	heap_key |= 1; /* so that a mark is never an aligned address */
	is_limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur < ADDRESS_SPACE_LEAST;
	if (is_limited)
		memset(due_in, 0xff, sizeof(due_in)); /* DUE_NEVER */
	mode_publish(heap_mode());
	system_keep_stderr();
	locks_begin();
}

/*
 * Runs before every other constructor (-z initfirst). So before a fork, handlers of other modules run before the allocator's
 * handler. They can wait for locks, because the allocator isn't locked yet.
 */
static void __attribute__((__constructor__)) begin_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, begin);
}

/* If two threads race, each creates a cache. The later cache is destroyed, while it is still empty. */
static struct rk_cache *create(unsigned class)
{
	struct rk_cache_options options = {
		.per_cpu = (uint32_t)per_cpu(class),
		.construct = construct,
		.destruct = destruct,
		.context = (void *)(uintptr_t)class,
	};
	struct rk_cache *cache = NULL, *first = NULL;

	is_creating = true;
	begin_once();
	if (due_in[class] == 0 && rk_cache_create(&cache, &options, sizeof(options)) < 0)
		__atomic_store_n(&due_in[class], DUE_LATER, __ATOMIC_RELAXED);
	if (cache != NULL && !__atomic_compare_exchange_n(&heap_caches[class], &first, cache, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		(void)rk_cache_destroy(cache);
	for (size_t i = 0; cache != NULL && first == NULL && i <= FINE_MAX / FINE; i++)
		if (fine_classes[i] == class)
			__atomic_store_n(&heap_fine[i], cache, __ATOMIC_RELEASE);
	mode_publish(heap_mode());
	is_creating = false;
	return first != NULL ? first : cache;
}

static bool is_due(unsigned class)
{
	uint32_t takes = __atomic_load_n(&due_in[class], __ATOMIC_RELAXED);

	if (takes != 0 && takes != DUE_NEVER)
		__atomic_store_n(&due_in[class], takes - 1, __ATOMIC_RELAXED);
	return takes == 0;
}

void *heap_take(unsigned class)
{
	struct rk_cache *cache = NULL;
	void *object = NULL;
	bool zeroed;

	if (heap_caches[class] == NULL && !is_creating && is_due(class))
		cache = create(class);
	if (cache != NULL)
		object = rk_cache_get(cache);
	else
		(void)spans_take(class, heap_caches[class], &object, 1, true);
	/* If the lock can't be taken, or there is no room for a span, the caller gets pages or a mapping. */
	return object != NULL ? object : large_take(size_classes[class].size, FINE, &zeroed);
}

void heap_give(void *object)
{
	unsigned code = map_code(object);

	if (code == CODE_LARGE) {
		large_give(object);
		return;
	}
	if (!begins_object(code, object))
		system_die("no pointer from malloc", object);
	heap_mark_free(object);
	spans_give(code, object);
}

enum heap_mode heap_mode(void)
{
	bool lacks = false;

	for (unsigned i = 1; i < CLASSES; i++) {
		if (heap_caches[i] != NULL)
			return HEAP_CACHED;
		lacks |= __atomic_load_n(&due_in[i], __ATOMIC_RELAXED) != 0;
	}
	return is_limited ? HEAP_LIMITED : lacks ? HEAP_LACKING : HEAP_UNUSED;
}

size_t heap_idle(void)
{
	struct rk_cache_report report;
	size_t bytes = spans_free();

	for (unsigned i = 1; i < CLASSES; i++)
		if (rk_cache_query(heap_caches[i], &report, sizeof(report)) == 0)
			bytes += (report.in_arrays + report.in_depot) * size_classes[i].size;
	return bytes;
}

bool heap_trim(size_t keep)
{
	bool done = false;

	collect();
	collect();
	if (lock_enter(LOCK_OF_PAGES)) {
		large_trim();
		done = pages_trim(keep);
		lock_leave(LOCK_OF_PAGES);
	}
	return done;
}
