/* SPDX-License-Identifier: MIT */
/*
 * cache.h - a cache of objects of one kind (Bonwick's magazines): each CPU has an array of objects, and all CPUs share a
 * depot.
 *
 * Above all: the constructor and the destructor run in whichever call needs them, perhaps in a signal handler. An object
 * that was put belongs to the cache. If it is put a second time, the cache gives it to two users.
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
 *     CPU 0     CPU 1     CPU 2            an array of pointers each: one section per object, or per batch
 *    +-----+   +-----+   +-----+
 *    |     |   |     |   |     |
 *    +--^--+   +--^--+   +--^--+
 *       |  batches |        |
 *    +--v----------v--------v--+
 *    |          depot          |           stacks of magazines, without a lock
 *    +-------------------------+
 *       ^                   v
 *   construct            destruct          when the depot has nothing, or no more room
 *
 * When an array is empty, the cache fills it from the depot, a batch at a time. When an array is full, it grows, or the
 * cache moves a batch of its objects to the depot. An array's capacity starts at 0 and grows up to per_cpu. Only
 * rk_cache_reclaim() and rk_cache_reclaim_idle() reduce it. So each CPU takes as much of the limit as it needs.
 *
 * An array's capacity counts against the limit even if the array is empty. If the limit is less than per_cpu for each CPU in
 * use plus the objects of the depot, a CPU may lack capacity that another CPU has taken. Then puts on the first CPU destroy
 * objects. To avoid that, choose a larger limit, or call rk_cache_reclaim_idle() regularly.
 *
 * Where some CPUs only get and others only put, objects reach the former through the depot. Choose a limit of at least
 * 2 * per_cpu for each CPU in use there, or a smaller per_cpu. Otherwise arrays of the latter may take the whole limit, and
 * every get constructs.
 *
 * The limit doesn't bound how many objects exist: callers may hold any number. A constructor that returns NULL bounds that.
 *
 * If there is no object, rk_cache_get() constructs one. If there is no room, rk_cache_put() destroys the object. Threads
 * without rseq use the depot only. So do threads whose sections were aborted RK_ABORTS_MAX times in a row. No call waits for
 * another thread, with one exception: inside rk_vfork_begin() it may wait up to 10 ms for another thread's vfork child.
 *
 * Objects are the caller's memory, which the cache neither reads nor writes. An object's memory may be unmapped as soon as
 * the object is destroyed. Objects are addresses, and no address is below 4096. LeakSanitizer doesn't look into caches: it
 * reports the objects of a cache that is not destroyed before exit.
 *
 * fork: the child has its own copy of the cache with the objects in it. The child loses objects that other threads were
 * moving between caller, array and depot. It loses at most 2 * RK_CACHE_BATCH_MAX objects, a batch and a magazine, for each
 * thread that was inside a cache function. It may lose as many again for each signal handler that was inside a cache
 * function. The child also loses objects that batch calls had already got, or had not yet put. The lost objects still count
 * against the limits, and in_depot may count them.
 */
#ifndef RSEQKIT_CACHE_H
#define RSEQKIT_CACHE_H

#include <rseqkit/percpu.h>

/* Highest values of options. */
#define RK_CACHE_PER_CPU_MAX 8192
#define RK_CACHE_BATCH_MAX 64
#define RK_CACHE_LIMIT_MAX ((uint64_t)1 << 29)

/*
 * A limit that several caches share, in any unit, for example bytes. It is in static memory, or exists longer than the
 * caches. At first `left` is the whole budget; later it is the part that no cache has taken. Any thread may add to it or
 * subtract from it, atomically. While it is negative, caches take nothing more. To make caches give back what they have,
 * call rk_cache_reclaim() and rk_cache_trim().
 */
struct rk_cache_budget {
	int64_t left __attribute__((__aligned__(8)));
};

struct rk_cache_options {
	uint32_t per_cpu; /* objects in a CPU's array, at most RK_CACHE_PER_CPU_MAX; 0 means 256 */
	uint32_t batch;   /* objects that are moved at once, at most per_cpu and RK_CACHE_BATCH_MAX, best no more than half of
	                     per_cpu; 0 means a quarter of per_cpu, but at least 1 and at most RK_CACHE_BATCH_MAX */
	uint64_t limit;   /* capacity of all arrays plus objects in the depot, at most RK_CACHE_LIMIT_MAX; 0 means
	                     2 * per_cpu for each possible CPU. With less than that see above */
	struct rk_cache_budget *budget;                  /* a limit that this cache shares with others; NULL for none */
	uint64_t weight;                                 /* of each object, in the budget's unit; not 0 if there is a budget */
	void *(*construct)(void *context);               /* makes an object, or returns NULL; without it gets return NULL */
	void (*destruct)(void *context, void *object);   /* destroys an object; required */
	void *context;                                   /* passed to both callbacks */
};

/* The statistics and the state of a cache. Numbers are exact while no thread uses the cache. */
struct rk_cache_report {
	uint64_t gets;                   /* objects that callers got: array_gets + depot_gets + constructed */
	uint64_t puts;                   /* objects that callers put: array_puts + depot_puts */
	uint64_t array_gets, array_puts; /* hits: got from a CPU's array, and put to one; they wrap at 2^47 per CPU */
	uint64_t depot_gets;             /* got from the depot; a refill's other objects become array_gets later */
	uint64_t depot_puts;             /* put to the depot or, without room there, to the destructor */
	uint64_t refills, flushes;       /* trips to the depot that fill an array, and that empty one */
	uint64_t constructed;            /* misses: got from the constructor */
	uint64_t destructed;             /* for lack of room, or by rk_cache_trim() */
	uint64_t reclaimed;              /* objects that rk_cache_reclaim() and rk_cache_reclaim_idle() took from arrays */
	uint64_t in_arrays, in_depot;    /* objects, now */
	uint64_t capacity;               /* of all arrays, in objects, now */
	uint64_t left;                   /* rest of the limit, for arrays to grow and for the depot */
};

/* A cache's address is that of its item in per-CPU memory (percpu.h). */
struct rk_cache;

RKI_BEGIN_DECLS

/*
 * Creates an empty cache.
 *
 * The callbacks run without a lock, in any get, put or other call that needs them. So they may run in a signal handler, and
 * on any CPU. A callback has to return: it throws no exception, calls no longjmp(3), and doesn't end its thread. It may use
 * other caches, and this one too. A constructor that makes many objects at once puts the other ones. A destructor may get
 * objects, but puts none.
 *
 * Parameters: size is sizeof(*options), see api.h.
 * Returns 0 and the cache in *cache, or:
 *   -EINVAL   a pointer is NULL, size is 0, there is no destructor, or a number is too high. With a budget: weight is 0, or
 *             limit * weight isn't below 2^63
 *   -E2BIG    this library doesn't know one of the options
 *   -ENOMEM   there is no memory
 *   -EUCLEAN  as rk_percpu_alloc()
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 5 us. The first cache
 * of a process with about that many objects per CPU takes 50 us, and 20 ms if there are several threads by then
 * (rk_fence_prepare() in remote.h). Memory: 8 bytes for each object that an array or the depot ever held, in whole pages.
 * For an array that was reclaimed it is 16 bytes.
 */
RKI_API int rk_cache_create(struct rk_cache **cache, const struct rk_cache_options *options, size_t size);

/*
 * Explains why rk_cache_create() returns -EINVAL or -E2BIG for these options. Returns a sentence in static storage, or NULL
 * if all options are right.
 * Parameters: as rk_cache_create(). Context: any. Cost: nanoseconds.
 */
RKI_API const char *rk_cache_options_fault(const struct rk_cache_options *options, size_t size);

/*
 * Destroys a cache and all objects in it. NULL is allowed. No thread may be using the cache.
 *
 * Returns 0, or:
 *   -EINVAL   it isn't a cache, or was destroyed before
 *   -EUCLEAN  (RSEQKIT_PERCPU=debug in the environment) the memory behind the cache was written to. The cache is empty then,
 *             and can't be used
 * Context: as rk_cache_create(). Cost: reads every CPU's array, and calls the destructor for each object.
 */
RKI_API int rk_cache_destroy(struct rk_cache *cache);

/*
 * Takes the object that was put last into this CPU's array. Returns NULL if that fails for any reason. The call runs no
 * callback and no slow path. It is for callers with a slow path of their own, which begins with rk_cache_get().
 *
 * Context: as rk_cache_get(). Cost: as rk_cache_get() on success, otherwise less than 1 ns.
 */
RKI_INLINE void *rk_cache_get_here(struct rk_cache *cache);

/*
 * Takes the object that was put last into this CPU's array. If the array is empty, takes an object from the depot. If the
 * depot is empty too, constructs one.
 *
 * Returns NULL when there is no object, and either no constructor or a constructor that returns NULL. The call doesn't look
 * in other CPUs' arrays: see rk_cache_reclaim(). It may miss the last objects of the depot, up to 64, while their magazine
 * is in use. The magazine may be in use by another thread, or by the code that a signal handler interrupted.
 * Inside rk_vfork_begin(), a vfork child gets objects from the depot and puts objects there. If the child is killed during a
 * call, each object belongs either to the child or to the depot.
 * Context: any thread; signal handler, also one that interrupts a function of the same cache; after fork; not in a vfork
 * child outside rk_vfork_begin(). Asynchronous cancellation is not allowed: it may lose a batch. Cost: 0.6 to 2.5 ns with
 * rseq, by processor (bench/METHOD.md); 45 ns without; and the time of the constructor.
 */
RKI_INLINE void *rk_cache_get(struct rk_cache *cache);

/*
 * Puts an object into this CPU's array, or into the depot. If there is no room, the call destroys the object. The caller
 * doesn't use the object any more.
 *
 * Context and cost: as rk_cache_get(). The call allocates nothing.
 */
RKI_INLINE void rk_cache_put(struct rk_cache *cache, void *object);

/*
 * Get and put `count` objects at once. Any number is allowed. One section moves up to 256 objects. rk_cache_get_batch()
 * returns how many objects it stored in objects[]. It returns less than `count` only if there is no constructor or
 * constructing fails. rk_cache_put_batch() destroys objects that find no room.
 *
 * The memory of objects[] must be readable, and writable for rk_cache_get_batch(). A fault there is reported at an
 * instruction of this library.
 * Context: as rk_cache_get(). Cost: some 10 ns, and 0.3 ns for each object with rseq.
 */
RKI_API size_t rk_cache_get_batch(struct rk_cache *cache, void **objects, size_t count);
RKI_API void rk_cache_put_batch(struct rk_cache *cache, void *const *objects, size_t count);

/*
 * rk_cache_reclaim() moves all objects of a CPU's array to the depot, while threads on that CPU go on using the array. It
 * destroys objects that find no room in the depot. The array's capacity goes back to the limit, and grows again by use.
 *
 * rk_cache_reclaim_idle() does this for all CPUs whose arrays no thread has used since the last call. Call it regularly, for
 * example every second. Then CPUs that are idle or offline don't keep capacity that other CPUs need. The first call only
 * notes the state of each array.
 *
 * Returns 0, or:
 *   -EBUSY         another thread, or the code that a signal handler interrupted, is reclaiming that CPU's array; or the
 *                  caller is inside rk_vfork_begin()
 *   -EHOSTUNREACH  there is no fence (remote.h). The objects stay out of reach until another call succeeds
 *   -EINVAL        cache is NULL, or the CPU isn't possible
 * A call that finds nothing to take needs no fence. After an error rk_cache_reclaim_idle() goes on with the other CPUs.
 * Context: any thread; signal handler; after fork; not in a vfork child. Cost: a fence for each CPU that objects are taken
 * from.
 */
RKI_API int rk_cache_reclaim(struct rk_cache *cache, int cpu);
RKI_API int rk_cache_reclaim_idle(struct rk_cache *cache);

/*
 * If the depot has more than `keep` objects at the time of the call, destroys the excess. The call misses objects whose
 * magazine other threads have in use. To give all memory back, call rk_cache_reclaim() for all CPUs, then this with 0.
 *
 * Returns how many objects it destroyed.
 * Context: as rk_cache_get(). Cost: the destructor for each object.
 */
RKI_API size_t rk_cache_trim(struct rk_cache *cache, size_t keep);

/*
 * Reports the statistics and the state of a cache.
 *
 * Parameters: size is sizeof(struct rk_cache_report) as the caller knows it. The call writes no more than that. Members that
 * this library doesn't know become 0.
 * Returns 0; -EINVAL when a pointer is NULL.
 * Context: any thread; signal handler; after fork. Cost: reads every CPU's array. Counting gets and puts costs callers
 * nothing: the counts are computed from a word that a section writes anyway (struct rk_array in ops.h).
 */
RKI_API int rk_cache_query(const struct rk_cache *cache, struct rk_cache_report *report, size_t size);

RKI_END_DECLS

#include <rseqkit/detail/cache.h>

#endif /* RSEQKIT_CACHE_H */
