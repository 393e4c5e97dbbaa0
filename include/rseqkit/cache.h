/* SPDX-License-Identifier: MIT */
/*
 * cache.h - caches of objects, which use Bonwick's magazines. A cache is for objects of one kind. In a cache, each CPU has an
 * array of objects, and all CPUs share a depot.
 *
 * Above all: any call can run the constructor or the destructor, even in a signal handler. An object that was put belongs to
 * the cache: don't put the object a second time. Otherwise the cache gives the object to two users.
 *
 *	static void *make(void *context) { return malloc(64); }
 *	static void unmake(void *context, void *object) { free(object); }
 *
 *	struct rk_cache_options options = {.construct = make, .destruct = unmake};
 *	rk_cache_create(&cache, &options, sizeof(options));
 *
 *	void *object = rk_cache_get(cache);
 *	...
 *	rk_cache_put(cache, object);
 *
 *     CPU 0     CPU 1     CPU 2            each CPU has an array of pointers; a section moves an object, or a batch
 *    +-----+   +-----+   +-----+
 *    |     |   |     |   |     |
 *    +--^--+   +--^--+   +--^--+
 *       |  batches |        |
 *    +--v----------v--------v--+
 *    |          depot          |           stacks of magazines, without a lock
 *    +-------------------------+
 *       ^                   v
 *   construct            destruct          construct if the depot is empty, destruct if it has no room
 *
 * When an array is empty, a get moves a batch of objects from the depot to the array. When an array is full, a put increases
 * the array's capacity, or moves a batch of objects from the array to the depot. An array's capacity starts at 0 and grows up
 * to per_cpu. Only rk_cache_reclaim() and rk_cache_reclaim_idle() reduce the capacity, so each CPU takes as much of the cache's
 * limit as the CPU needs.
 *
 * An array's capacity counts against the limit even if the array is empty. Suppose that the limit is less than (per_cpu *
 * number of CPUs in use) plus (number of objects in the depot). In that case the arrays of some CPUs can take the whole limit,
 * and puts on the other CPUs destroy objects. To avoid such puts, choose a larger limit, or call rk_cache_reclaim_idle()
 * regularly.
 *
 * If some CPUs only get objects and other CPUs only put objects, all objects go through the depot. For such a program choose a
 * limit of at least 2 * per_cpu for each CPU in use, or a smaller per_cpu. Otherwise the arrays of the CPUs that only put can
 * take the whole limit, and every get constructs an object.
 *
 * The limit applies to the arrays and the depot, not to the objects that callers hold. For a pool, which also limits how many
 * objects exist, set objects_max:
 *
 *	struct rk_cache_options options = {.objects_max = 8, .construct = make, .destruct = unmake};
 *
 * Then the constructor makes at most objects_max objects, not counting those that were destroyed. If that many exist, and neither
 * the CPU's array nor the depot has an object, rk_cache_get() looks into the arrays of all CPUs. It returns NULL only if these
 * are empty, too, with the exceptions at rk_cache_get(). Callers then hold all objects. Without a constructor, put at most
 * objects_max objects of your own into the cache. With a constructor, put only objects that came from the cache. If you set a
 * limit below objects_max + per_cpu * (possible CPUs), or a budget, puts can destroy objects. Without a constructor such objects
 * are lost for ever. An object that a constructor is making counts as one that exists. If a vfork child is killed in the
 * constructor, the object counts for ever.
 *
 * If neither the CPU's array nor the depot has an object, rk_cache_get() constructs an object. If both are full,
 * rk_cache_put() destroys the object. A thread without rseq uses only the depot. A thread whose sections were aborted
 * RK_ABORTS_MAX times in a row also uses only the depot. No call waits for another thread, with one exception: a call inside
 * rk_vfork_begin() can wait up to 10 ms for another thread's vfork child.
 *
 * Objects are the caller's memory. The cache neither reads nor writes objects. The caller is allowed to unmap an object's
 * memory as soon as the object is destroyed. For the cache an object is only an address, which must be at least 4096.
 * LeakSanitizer doesn't search caches for pointers, so if a cache isn't destroyed before exit, LeakSanitizer reports the
 * cache's objects as leaks.
 *
 * fork: the child has its own copy of the cache with the objects in it. The child loses the objects that other threads were
 * moving between caller, array and depot at the fork. For each thread that was inside a cache function, the child loses at most
 * 2 * RK_CACHE_BATCH_MAX objects: a batch and a magazine. For each signal handler that was inside a cache function, the child
 * can lose as many objects again. If a thread was inside rk_cache_get_batch() or rk_cache_put_batch(), the child also loses the
 * objects that this function had already got or not yet put. In the child the lost objects still count against the limits, and
 * in_depot can include the lost objects. Objects that the parent's other threads held at the fork also count as objects that
 * exist.
 */
#ifndef RSEQKIT_CACHE_H
#define RSEQKIT_CACHE_H

#include <rseqkit/percpu.h>

/* Highest values of options. */
#define RK_CACHE_PER_CPU_MAX 8192
#define RK_CACHE_BATCH_MAX 128
#define RK_CACHE_LIMIT_MAX ((uint64_t)1 << 29)

/*
 * A limit that several caches share, in any unit, for example bytes. Keep the struct until all caches that share it are
 * destroyed, for example in static memory. Before the first cache is created, set `left` to the whole budget. Later `left` is
 * the part of the budget that no cache has taken. Any thread is allowed to add to `left`, or to subtract from `left`, by
 * atomic instructions. While `left` is negative, caches take nothing more. To make caches give back their parts, call
 * rk_cache_reclaim() and rk_cache_trim().
 */
struct rk_cache_budget {
	int64_t left __attribute__((__aligned__(8)));
};

struct rk_cache_options {
	uint32_t per_cpu; /* highest number of objects in a CPU's array, at most RK_CACHE_PER_CPU_MAX; 0 means 256. With
	                     objects_max, 0 means half of objects_max, divided by the possible CPUs, from 1 to 256. Above
	                     objects_max it means objects_max, and `batch` follows */
	uint32_t batch;   /* objects that are moved together, at most per_cpu and RK_CACHE_BATCH_MAX. Best is at most half of
	                     per_cpu. 0 means a quarter of per_cpu, but at least 1 and at most RK_CACHE_BATCH_MAX */
	uint64_t limit;   /* highest sum of all arrays' capacity and the objects in the depot, at most RK_CACHE_LIMIT_MAX.
	                     0 means 2 * per_cpu for each possible CPU. For the effects of a lower limit, see above. With
	                     objects_max, 0 means so many that no put destroys an object */
	struct rk_cache_budget *budget;                  /* a limit that this cache shares with other caches; NULL for none */
	uint64_t weight;                                 /* an object's weight in the budget's unit; not 0 if there is a budget */
	void *(*construct)(void *context);               /* makes an object, or returns NULL; optional */
	void (*destruct)(void *context, void *object);   /* destroys an object; required without destruct_batch */
	void *context;                                   /* passed to all callbacks */
	/*
	 * Destroys `count` objects, at most RK_CACHE_BATCH_MAX; optional. A cache that has this callback never calls `destruct`.
	 * If neither the array nor the depot has room, a put then destroys a batch of the array's objects, instead of one
	 * object. A destructor that takes a lock therefore takes it once for a batch.
	 */
	void (*destruct_batch)(void *context, void *const *objects, size_t count);
	uint64_t objects_max; /* highest number of objects that exist: those in the cache, and those that callers hold. At most
	                         RK_CACHE_LIMIT_MAX; 0 means no such limit, and that gets don't look into other CPUs' arrays */
};

/*
 * The statistics and the state of a cache. The numbers are exact only while no thread uses the cache. A vfork child that is
 * killed inside a call can take or put objects without counting them.
 */
struct rk_cache_report {
	uint64_t gets;                   /* objects that callers got: array_gets + depot_gets + constructed */
	uint64_t puts;                   /* objects that callers put: array_puts + depot_puts */
	uint64_t array_gets, array_puts; /* hits: gets from CPUs' arrays, and puts to arrays. Both wrap at 2^47 per CPU */
	uint64_t depot_gets;             /* gets from the depot. Gets of objects that a refill moved to an array are array_gets */
	uint64_t depot_puts;             /* puts to the depot, or to the destructor if the depot has no room */
	uint64_t refills, flushes;       /* moves of a batch: from the depot to an array (refills), and back (flushes) */
	uint64_t constructed;            /* misses: objects that the constructor made */
	uint64_t destructed;             /* objects destroyed because there was no room, or by rk_cache_trim() */
	uint64_t reclaimed;              /* objects that rk_cache_reclaim() and rk_cache_reclaim_idle() took from arrays */
	uint64_t in_arrays, in_depot;    /* objects that are in arrays now, and in the depot now */
	uint64_t capacity;               /* sum of the capacity of all arrays now, in objects */
	uint64_t left;                   /* part of the limit that neither arrays nor the depot have taken */
	uint64_t searches;               /* gets that looked into the arrays of all CPUs, because of objects_max */
};

/* A cache's address is that of its item in per-CPU memory (percpu.h). */
struct rk_cache;

RKI_BEGIN_DECLS

/*
 * Creates an empty cache.
 *
 * The constructor and the destructors are callbacks. All callbacks run without a lock, in any get, put or other call that needs
 * a callback. A callback can therefore run in a signal handler, and on any CPU. A callback has to return: it must not throw an
 * exception, call longjmp(3) or end its thread. A callback is allowed to use any cache, even its own. If a constructor makes
 * many objects at once, it returns one object and puts the other objects into the cache. A destructor is allowed to get
 * objects, but must not put objects. In a cache with objects_max, a constructor must not put objects either.
 *
 * Parameters: size is sizeof(*options), see api.h.
 * Returns 0 and the cache in *cache, or:
 *   -EINVAL   a pointer is NULL, size is 0, there is no destructor, or a number is too high. Or there is a budget, and weight
 *             is 0, or limit * weight isn't below 2^63
 *   -E2BIG    this library doesn't know one of the options
 *   -ENOMEM   there is no memory
 *   -EUCLEAN  as rk_percpu_alloc()
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 5 us. Caches share a
 * pool if rounding per_cpu up to a power of two (at least 16) gives the same number. The first cache in each pool takes 50
 * us. If the process already has several threads, its first cache takes 20 ms (rk_fence_prepare() in remote.h). Memory: each
 * array and the depot take 8 bytes for each object that they held when they were fullest, in whole pages. An array that was
 * ever reclaimed takes 16 bytes for each object.
 */
RKI_API int rk_cache_create(struct rk_cache **cache, const struct rk_cache_options *options, size_t size);

/*
 * Explains why rk_cache_create() returns -EINVAL or -E2BIG for these options. Returns a sentence in static storage, or NULL
 * if all options are right.
 * Parameters: as rk_cache_create(). Context: any. Cost: nanoseconds.
 */
RKI_API const char *rk_cache_options_fault(const struct rk_cache_options *options, size_t size);

/*
 * Destroys a cache and all objects in the cache. NULL is allowed. Call the function only while no thread uses the cache.
 *
 * Returns 0, or:
 *   -EINVAL   `cache` isn't a cache, or was destroyed before
 *   -EUCLEAN  (RSEQKIT_PERCPU=debug in the environment) the memory after the cache's slots was written to. All objects are
 *             destroyed, and the cache can't be used any more
 * Context: as rk_cache_create(). Cost: the call reads every CPU's array, and runs the destructor for each object.
 */
RKI_EXPORT int rk_cache_destroy(struct rk_cache *cache);

/*
 * Takes the object that was put last into this CPU's array. Returns NULL if the call can't take an object, for any reason.
 * The call runs no callback and no slow path. Use rk_cache_get_here() if the program has a slow path of its own, and call
 * rk_cache_get() at the beginning of that slow path.
 *
 * Context: as rk_cache_get(). Cost: if the call returns an object, as rk_cache_get(); otherwise less than 1 ns.
 */
RKI_INLINE void *rk_cache_get_here(struct rk_cache *cache);

/*
 * Takes the object that was put last into this CPU's array. If the array is empty, takes an object from the depot. If the
 * depot is also empty, constructs an object.
 *
 * Returns NULL when neither the array nor the depot has an object, and no constructor makes one: there is none, or it returns
 * NULL, or objects_max objects exist. The call can miss the last objects of the depot, up to RK_CACHE_BATCH_MAX, while another
 * thread uses the magazine of these objects. In a signal handler, the call can also miss the last objects while the interrupted
 * code uses their magazine. Inside rk_vfork_begin(), a vfork child gets objects from the depot and puts objects into the depot.
 * If the child is killed during a call, each object belongs either to the child or to the depot.
 *
 * Without objects_max the call doesn't take objects from other CPUs' arrays (see rk_cache_reclaim()). With objects_max, before
 * the call returns NULL, it moves the objects of other CPUs' arrays to the depot, as rk_cache_reclaim() does, until it has one.
 * It makes two fences for each CPU that has objects. It doesn't wait, and can therefore miss objects in these cases:
 *   - Another thread moves them at that moment, for example another such get. The call tries 100 times. A thread that is
 *     descheduled while it moves one object can hide up to RK_CACHE_BATCH_MAX objects of the depot until it continues. If NULL is
 *     a failure for your program, call again after a pause.
 *   - A signal handler interrupted a call that moves them.
 *   - There is no fence (remote.h), for example because of a filter. A filter that kills the process at membarrier(2) kills it
 *     here.
 *   - The caller is inside rk_vfork_begin().
 * Context: any thread; signal handler, even if it interrupted a function of the same cache; after fork; in a vfork child only
 * inside rk_vfork_begin(). Asynchronous cancellation is not allowed, because it can lose a batch. Cost: with rseq 0.6 to 2.5
 * ns, depending on the processor (bench/METHOD.md); without rseq 45 ns. If the call constructs an object, the time of the
 * constructor is added. objects_max doesn't change these costs. A get that looks into other CPUs' arrays takes some 20 us for
 * each CPU that has objects.
 */
RKI_INLINE void *rk_cache_get(struct rk_cache *cache);

/*
 * Puts an object into this CPU's array, or into the depot. If both are full, the call destroys the object. Don't use the
 * object after the call.
 *
 * Context and cost: as rk_cache_get(). The call allocates nothing.
 */
RKI_INLINE void rk_cache_put(struct rk_cache *cache, void *object);

/*
 * rk_cache_get_batch() gets `count` objects at once, and rk_cache_put_batch() puts `count` objects at once. Any count is
 * allowed. One section moves up to 256 objects. rk_cache_get_batch() returns how many objects it stored in objects[]. This
 * number is less than `count` only where rk_cache_get() would return NULL. rk_cache_put_batch() destroys objects for which there
 * is no room.
 *
 * objects[] must be readable memory, and for rk_cache_get_batch() also writable. If an access to objects[] faults, the signal
 * reports an instruction of this library.
 * Context: as rk_cache_get(). Cost: with rseq some 10 ns, plus 0.3 ns for each object.
 */
RKI_EXPORT size_t rk_cache_get_batch(struct rk_cache *cache, void **objects, size_t count);
RKI_EXPORT void rk_cache_put_batch(struct rk_cache *cache, void *const *objects, size_t count);

/*
 * rk_cache_reclaim() moves all objects of a CPU's array to the depot. Threads on that CPU are allowed to use the array during
 * the call. The call destroys objects for which the depot has no room. The array's capacity becomes 0, and stops counting
 * against the limit. Later puts on that CPU increase the capacity again.
 *
 * rk_cache_reclaim_idle() reclaims each array that no thread has used since the previous rk_cache_reclaim_idle(). If the
 * program calls rk_cache_reclaim_idle() regularly, for example every second, idle or offline CPUs don't keep capacity that
 * other CPUs need. The first call only records the state of each array.
 *
 * Returns 0, or:
 *   -EBUSY         another thread is reclaiming the same CPU's array; or a signal handler made the call, and the handler
 *                  interrupted code that was reclaiming the same CPU's array; or the caller is inside rk_vfork_begin()
 *   -EHOSTUNREACH  there is no fence (remote.h). No get can take the array's objects until a later reclaim of that array
 *                  succeeds
 *   -EINVAL        `cache` is NULL, or the CPU isn't possible
 * If an array has neither objects nor capacity, the call needs no fence. If reclaiming one CPU's array fails,
 * rk_cache_reclaim_idle() still reclaims the arrays of the other CPUs.
 * Context: any thread; signal handler; after fork; not in a vfork child. Cost: a fence for each CPU whose array is reclaimed.
 */
RKI_EXPORT int rk_cache_reclaim(struct rk_cache *cache, int cpu);
RKI_EXPORT int rk_cache_reclaim_idle(struct rk_cache *cache);

/*
 * If the depot has more than `keep` objects at the beginning of the call, the call destroys the excess. The call misses
 * objects whose magazine another thread uses at that moment. To destroy all objects of a cache, call rk_cache_reclaim() for
 * all CPUs, then rk_cache_trim() with keep = 0.
 *
 * Returns how many objects the call destroyed.
 * Context: as rk_cache_get(). Cost: the time of the destructor for each object.
 */
RKI_EXPORT size_t rk_cache_trim(struct rk_cache *cache, size_t keep);

/*
 * Reports the statistics and the state of a cache.
 *
 * Parameters: size is sizeof(struct rk_cache_report) in the caller's headers. The call writes at most `size` bytes. Members
 * that this library doesn't know become 0.
 * Returns 0; -EINVAL when a pointer is NULL.
 * Context: any thread; signal handler; after fork. Cost: the call reads every CPU's array. Counting doesn't slow down gets
 * and puts: rk_cache_query() computes the counts from a word that each section writes anyway (struct rk_array in slot.h).
 */
RKI_API int rk_cache_query(const struct rk_cache *cache, struct rk_cache_report *report, size_t size);

RKI_END_DECLS

#include <rseqkit/detail/cache.h>

#endif /* RSEQKIT_CACHE_H */
