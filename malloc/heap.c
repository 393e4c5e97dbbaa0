/* SPDX-License-Identifier: MIT */
/*
 * heap.c - the caches of the size classes (classes.h), which get their objects from spans (spans.h). A class gets its cache when
 * the program has allocated some objects of the class. A cache (rseqkit/cache.h) has an array of free objects for each CPU, and a
 * depot that all CPUs share.
 */
#define _GNU_SOURCE
#include "heap.h"

#include <errno.h>
#include <rseqkit/mutex.h>
#include <rseqkit/thread.h>
#include <string.h>
#include <sys/resource.h>
#include "large.h"
#include "locks.h"
#include "mark.h"
#include "os/cpus.h"
#include "spans.h"
#include "structures/cache_place.h"
#include "system.h"

#define PER_CPU_BYTES ((size_t)64 * 1024)   /* highest number of bytes of the small objects in a class's array for one CPU */
#define PER_CPU_OF_SPANS ((size_t)6 << 20)  /* the same for objects above SMALL_MAX */
#define BUDGET ((size_t)32 << 20)           /* highest number of bytes of the objects above 512 bytes in all caches */
#define BUDGET_PER_CPU ((size_t)2 << 20)    /* is added to BUDGET for each CPU */
#define PER_CPU_LEAST(size) ((size) > 4096 ? 32 : 128) /* an array has room for at least this many small objects */
#define PER_CPU_MOST 1024                   /* an array has room for at most this many small objects */
#define CONSTRUCT_BYTES ((size_t)16 * 1024) /* highest number of bytes of the objects that a cache takes from spans in one call */
#define CONSTRUCT_MOST 64                   /* highest number of the objects that a cache takes from spans in one call */
#define CONSTRUCT_FIRST 2                   /* CONSTRUCT_BYTES is halved twice in a class's first call, once in the second */
#define IN_DEPOT 20 /* a cache's limit is two full arrays for each CPU and, for small objects, this many more arrays */

struct rk_cache *heap_caches[CLASSES], *heap_fine[FINE_MAX / FINE + 1];

/*
 * The memory of all caches is reserved when the process starts, so a class gets its cache without a system call. Later the
 * kernel can refuse memory: the process can limit its address space, or enter a sandbox.
 */
static struct rk_cache_options options[CLASSES];
static struct rk_cache_budget budget;
static struct rk_cache_place places[CLASSES]; /* its members are NULL if no memory was reserved */
#define SPACE_PART 2 /* if the caches would reserve more than half of RLIMIT_AS, the process has no caches */

/*
 * How many objects of a class are still taken from spans before the class gets a cache. A cache takes five pages or more, whose
 * page faults take as long as some 100 objects from spans, so a short process makes few caches. If two threads store the same
 * count, one object isn't counted. The exact number doesn't matter.
 */
static uint32_t due_in[CLASSES];
#define DUE_FIRST 64

static uint8_t construct_less[CLASSES]; /* how often CONSTRUCT_BYTES is still halved for the class */

static __thread bool is_beginning; /* begin() runs in this thread; what the libc or a handler allocates now comes from spans */

/* If several threads write the mode at the same time, they write the same text. */
char librseqkit_malloc_mode[128] = "nothing allocated";

static size_t per_cpu(unsigned class)
{
	size_t size = size_classes[class].size, fit = PER_CPU_BYTES / size;

	if (class > SMALL_CLASSES)
		return PER_CPU_OF_SPANS / size;
	return fit < PER_CPU_LEAST(size) ? PER_CPU_LEAST(size) : least(fit, PER_CPU_MOST);
}

/*
 * A collection moves free objects from caches to spans (collect()). These variables have the number of collections so far,
 * and for each CPU the last collection in which a thread on that CPU took part. Emptying the array of another CPU would need
 * membarrier(2), which sandboxes refuse, so a collection empties the arrays of the CPU on which it runs. On each other CPU, the
 * next thread that finds a cache empty takes part (construct()).
 */
static uint8_t collections, took_part[RK_CPUS_MAX];

/*
 * Takes part in the last collection, unless a thread on this CPU has done so already. Moves the objects in the depots, and
 * those in the arrays of this CPU, to their spans. With `if_unneeded`, an array keeps as many objects as were taken from it since
 * the last call.
 */
static void take_part(bool if_unneeded)
{
	uint8_t last = __atomic_load_n(&collections, __ATOMIC_RELAXED);
	int cpu = rk_cpu();

	if (cpu < 0 || cpu >= RK_CPUS_MAX || __atomic_exchange_n(&took_part[cpu], last, __ATOMIC_RELAXED) == last)
		return;
	for (unsigned i = 1; i < CLASSES && rk_thread_reason() != RK_REASON_VFORK; i++) {
		if (heap_caches[i] == NULL)
			continue;
		rk_cache_reclaim_here(heap_caches[i], if_unneeded);
		(void)rk_cache_trim(heap_caches[i], 0);
	}
}

static void collect(bool if_unneeded)
{
	__atomic_fetch_add(&collections, 1, __ATOMIC_RELAXED);
	take_part(if_unneeded);
}

/*
 * An empty cache calls this function. It takes a batch of objects from spans, returns the first one, and puts the others into
 * the cache. An object in a cache keeps its span in use, so collect() empties caches before the heap grows.
 */
static void *construct(void *context)
{
	unsigned class = (unsigned)(uintptr_t)context;
	void *objects[CONSTRUCT_MOST];
	uint8_t less = __atomic_load_n(&construct_less[class], __ATOMIC_RELAXED);
	size_t fit = (CONSTRUCT_BYTES >> less) / size_classes[class].size, most = fit == 0 ? 1 : least(fit, CONSTRUCT_MOST), got;

	if (less > 0)
		__atomic_store_n(&construct_less[class], (uint8_t)(less - 1), __ATOMIC_RELAXED);
	take_part(true);
	got = spans_take(class, heap_caches[class], objects, most, false);
	if (got == 0) {
		collect(true);
		got = spans_take(class, heap_caches[class], objects, most, true);
	}
	if (got == 0)
		return NULL;
	if (got > 1)
		rk_cache_put_batch(heap_caches[class], objects + 1, got - 1);
	return objects[0];
}

static void destruct(void *context, void *const *objects, size_t count)
{
	int saved = errno; /* free() must not change errno, and doesn't save it itself on this path */

	spans_give((unsigned)(uintptr_t)context, objects, count);
	errno = saved;
}

/* Prepares the allocator, sometimes before the libc is initialised. */
static void begin(void)
{
	struct {
		uint64_t now, most;
	} limit = {UINT64_MAX, UINT64_MAX};

	map_begin();
	mark_begin();
	budget.left = (int64_t)(BUDGET + BUDGET_PER_CPU * (size_t)rk_cpus_count());
	(void)RK_SYSCALL(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit);
	for (uintptr_t i = 1; i < CLASSES; i++) {
		due_in[i] = DUE_FIRST;
		construct_less[i] = CONSTRUCT_FIRST;
		options[i] = (struct rk_cache_options){
			.per_cpu = (uint32_t)per_cpu((unsigned)i),
			.limit = per_cpu((unsigned)i) * (2 * (size_t)rk_cpus_count() + (i > SMALL_CLASSES ? 0 : IN_DEPOT)),
			.construct = construct,
			.destruct_batch = destruct,
			.context = (void *)i,
			.budget = size_classes[i].size * per_cpu((unsigned)i) > PER_CPU_BYTES ? &budget : NULL,
			.weight = size_classes[i].size,
		};
	}
	(void)strcpy(librseqkit_malloc_mode, "no cache needed yet");
	if (rk_cache_reserve(places + 1, options + 1, CLASSES - 1, limit.now / SPACE_PART) < 0)
		(void)strcpy(librseqkit_malloc_mode,
			     limit.now != UINT64_MAX ?
				     "no caches, and each call takes a lock: RLIMIT_AS was too low at the start" :
				     "no caches, and each call takes a lock: memory or addresses were lacking at the start");
	system_keep_stderr();
	locks_begin();
}

/* Doesn't call pthread_once(), which a sanitizer's runtime interposes. */
void heap_begin(void)
{
	static struct rk_mutex lock;
	static bool has_begun;

	if (is_beginning || __atomic_load_n(&has_begun, __ATOMIC_ACQUIRE))
		return;
	is_beginning = true;
	(void)rk_mutex_lock(&lock);
	if (!has_begun)
		begin();
	__atomic_store_n(&has_begun, true, __ATOMIC_RELEASE);
	(void)rk_mutex_unlock(&lock);
	is_beginning = false;
}

/* Returns the cache of a class. Makes it if due_in[class] is 0. Returns NULL if the class has no cache yet. */
static struct rk_cache *make_cache(unsigned class)
{
	uint32_t takes = __atomic_load_n(&due_in[class], __ATOMIC_RELAXED);

	if (takes > 0)
		__atomic_store_n(&due_in[class], takes - 1, __ATOMIC_RELAXED);
	if (takes > 0 || places[class].item == NULL || !lock_enter(class))
		return NULL;
	if (heap_caches[class] == NULL) {
		struct rk_cache *cache = rk_cache_create_at(&places[class], &options[class]);

		__atomic_store_n(&heap_caches[class], cache, __ATOMIC_RELEASE);
		for (size_t i = 0; i <= FINE_MAX / FINE; i++)
			if (fine_classes[i] == class)
				__atomic_store_n(&heap_fine[i], cache, __ATOMIC_RELEASE);
	}
	lock_leave(class);
	(void)strcpy(librseqkit_malloc_mode, "per-CPU caches");
	return heap_caches[class];
}

void *heap_take(unsigned class)
{
	struct rk_cache *cache = heap_caches[class];
	void *object = NULL;
	bool zeroed;

	heap_begin();
	if (cache == NULL && !is_beginning && (cache = make_cache(class)) != NULL)
		object = rk_cache_get(cache);
	if (object == NULL)
		(void)spans_take(class, cache, &object, 1, true);
	if (object == NULL) /* the class's lock can't be taken, or there is no memory for a span */
		return large_take(size_classes[class].size, FINE, &zeroed);
	mark_used(object);
	return object;
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
	if (mark_is_there(object))
		system_die("freed twice", object);
	mark_free(object);
	if (heap_caches[code] == NULL) {
		spans_give(code, &object, 1);
	} else { /* the span is older than the cache, or RSEQKIT_MALLOC contains "guard" */
		map_set(object, code, heap_caches[code], map_owner(object));
		rk_cache_put(heap_caches[code], object);
	}
}

size_t heap_free_objects(unsigned class)
{
	struct rk_cache_report report = {0};

	(void)rk_cache_query(heap_caches[class], &report, sizeof(report));
	return spans_free(class) + report.in_arrays + report.in_depot;
}

size_t heap_idle(void)
{
	size_t bytes = 0;

	for (unsigned i = 1; i < CLASSES; i++)
		bytes += heap_free_objects(i) * size_classes[i].size;
	return bytes;
}

bool heap_limit(size_t bytes)
{
	bool has_lock = lock_enter(LOCK_OF_PAGES);

	if (has_lock) {
		pages_limit(bytes);
		lock_leave(LOCK_OF_PAGES);
	}
	return has_lock;
}

bool heap_trim(size_t keep)
{
	bool done = false;

	collect(false);
	if (lock_enter(LOCK_OF_PAGES)) {
		done = pages_trim(keep);
		lock_leave(LOCK_OF_PAGES);
	}
	return done;
}
