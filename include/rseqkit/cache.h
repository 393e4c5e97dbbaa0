/* SPDX-License-Identifier: MIT */
/*
 * cache.h - a cache of objects that are alike: each CPU keeps some at hand, and all share a depot.
 *
 * Above all: the constructor and the destructor run in whichever call needs them, perhaps in a signal handler. An object that
 * was put belongs to the cache: a second put of it gives it to two users.
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
 * An array that runs empty is filled from the depot, one that runs full grows, or is emptied into the depot, a batch at a
 * time. What an array may hold grows from nothing up to per_cpu, and only rk_cache_reclaim() makes it smaller: so CPUs
 * take of the limit what they need. Room counts against the limit whether it is used or not. If the limit is less than
 * per_cpu for each CPU in use, plus the depot, then room that one CPU has taken is missing at another, which destructs. So
 * either the limit is larger, or somebody calls rk_cache_reclaim_idle() once in a while.
 *
 * Total: a get that finds nothing constructs, a put that finds no room destructs. Threads without rseq, and those whose
 * sections were aborted RK_ABORTS_MAX times in a row, use the depot. Nothing waits for anything.
 *
 * Objects are the caller's memory, which the cache neither reads nor writes. They may be unmapped as soon as they were
 * destructed. Objects are addresses, none below 4096.
 *
 * fork: the child has its own copy of the cache with the objects in it. Lost to the child is what another thread had in its
 * hands at that moment, on the way between caller, array and depot: a batch and a magazine of the depot, no more than
 * 2 * RK_CACHE_BATCH_MAX objects, for each thread that was in a function of the cache, and for each of its handlers that was;
 * besides, what batch calls had got already, or were yet to put. What these took of the limits stays taken, and in_depot may
 * count it.
 */
#ifndef RSEQKIT_CACHE_H
#define RSEQKIT_CACHE_H

#include <rseqkit/percpu.h>

/* Highest values of options. */
#define RK_CACHE_PER_CPU_MAX 8192
#define RK_CACHE_BATCH_MAX 64
#define RK_CACHE_LIMIT_MAX ((uint64_t)1 << 29)

/*
 * What several caches may hold together, in a unit of the caller's, bytes say. In static memory, or destroyed after them.
 * `left` begins as the budget and is what nobody has taken. Any thread may add to it, or subtract, atomically; where that
 * makes it negative nothing more is taken, and what is to be given back is reclaimed and trimmed.
 */
struct rk_cache_budget {
	int64_t left __attribute__((__aligned__(8)));
};

struct rk_cache_options {
	uint32_t per_cpu; /* objects in a CPU's array, at most RK_CACHE_PER_CPU_MAX; 0 means 256 */
	uint32_t batch;   /* objects that are moved at once, at most per_cpu and RK_CACHE_BATCH_MAX, best no more than half of
	                     per_cpu; 0 means a quarter of that */
	uint64_t limit;   /* objects that arrays may hold, and those in the depot, at most RK_CACHE_LIMIT_MAX; 0 means twice what
	                     all possible CPUs' arrays may hold */
	struct rk_cache_budget *budget;                  /* that this cache shares with others; NULL for none */
	uint64_t weight;                                 /* of each object, in the budget's unit; with a budget not 0 */
	void *(*construct)(void *context);               /* makes an object, or returns NULL; NULL: gets return NULL instead */
	void (*destruct)(void *context, void *object);   /* takes an object there is no room for */
	void *context;                                   /* handed to both */
};

/* What a cache has done, and has. Numbers are exact while nobody uses it. */
struct rk_cache_report {
	uint64_t gets, puts;             /* objects that callers got, and put: array_gets + depot_gets + constructed, and
	                                    array_puts + depot_puts */
	uint64_t array_gets, array_puts; /* of these, from CPUs' arrays, and to them: the hits; they wrap at 2^47 per CPU */
	uint64_t depot_gets, depot_puts; /* from the depot, and to it or, if there was no room, to the destructor */
	uint64_t refills, flushes;       /* trips to the depot, to fill an array and to empty one */
	uint64_t constructed, destructed;
	uint64_t reclaimed;              /* objects that were taken from CPUs' arrays by rk_cache_reclaim() */
	uint64_t in_arrays, in_depot;    /* objects, now */
	uint64_t capacity;               /* objects that all arrays may hold, now */
	uint64_t left;                   /* of the limit: for arrays to grow, and for the depot */
};

/* Its address is that of the item in per-CPU memory (percpu.h). */
struct rk_cache;

RKI_BEGIN_DECLS

/*
 * Creates an empty cache.
 *
 * The callbacks run in whatever get, put or other call needs them, without a lock, so perhaps in a signal handler, and on
 * any CPU. They return: no exception, no longjmp(3), no end of the thread. They may use other caches, and this one: a
 * constructor that makes many at once puts the rest, a destructor may get objects, but puts none.
 *
 * Parameters: size is sizeof(*options), see api.h.
 * Returns 0 and the cache in *cache; -E2BIG for options that this library doesn't know; -EINVAL when a pointer is NULL, there
 * is no destructor, a number is too high, or a limit times its weight isn't below 2^63; -ENOMEM; -EUCLEAN as
 * rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 5 us; the first one
 * with about that many objects per CPU 50 us, and 20 ms if there are several threads by then (rk_fence_prepare() in
 * remote.h). Memory: 8 bytes for each object that an array or the depot ever held, 16 where
 * it was reclaimed from an array, in whole pages.
 */
RKI_API int rk_cache_create(struct rk_cache **cache, const struct rk_cache_options *options, size_t size);

/*
 * Which option rk_cache_create() answers with -EINVAL or -E2BIG for: a sentence, static storage; NULL if all are right.
 * Parameters: as rk_cache_create(). Context: any. Cost: nanoseconds.
 */
RKI_API const char *rk_cache_options_fault(const struct rk_cache_options *options, size_t size);

/*
 * Destroys a cache; NULL is allowed. No thread may be using it. All objects in it are destructed.
 *
 * Returns 0; -EINVAL when it is no cache (any more); -EUCLEAN, with RSEQKIT_PERCPU=debug in the environment, when the memory
 * behind it was written to: the cache is empty then, and can't be used.
 * Context: as rk_cache_create(). Cost: a look at every CPU's array, and the destructor for each object.
 */
RKI_API int rk_cache_destroy(struct rk_cache *cache);

/*
 * Takes the object that was put last to this CPU's array, or returns NULL, for whatever reason: for callers with a slow way
 * of their own, which begins with rk_cache_get(). Nothing is called.
 *
 * Context: as rk_cache_get(). Cost: as that where it succeeds, else less than a ns.
 */
RKI_INLINE void *rk_cache_get_here(struct rk_cache *cache);

/*
 * Takes an object: of this CPU's array, the one that was put last; else of the depot; else a constructed one.
 *
 * Returns NULL when there is none and no constructor, or that returned NULL. Objects in other CPUs' arrays aren't looked
 * for: see rk_cache_reclaim(). Nor are the last ones of the depot while another thread, or the code that a handler
 * interrupted, is at work on their magazine, which may be all of 64. A vfork child inside rk_vfork_begin() gets from the depot
 * and puts to it. If it is killed in the middle, each object is the child's or the depot's.
 * Context: any thread; signal handler, also one that interrupts a function of the same cache; after fork; not in a vfork
 * child outside rk_vfork_begin(); not under asynchronous cancellation, which may lose a batch. Cost: 0.6 to 2.5 ns with rseq, by
 * processor (bench/METHOD.md); 45 ns without; and what the constructor takes.
 */
RKI_INLINE void *rk_cache_get(struct rk_cache *cache);

/*
 * Puts an object, which the caller doesn't use any more, to this CPU's array; else to the depot; else it is destructed.
 *
 * Context and cost: as rk_cache_get(). It allocates nothing.
 */
RKI_INLINE void rk_cache_put(struct rk_cache *cache, void *object);

/*
 * The same with `count` objects at once, any number: up to 256 of them in one section. A get returns how many there are in
 * objects[], all but where constructing fails.
 *
 * The pointers' memory must be readable, of rk_cache_get_batch() writable: a fault there is reported inside this library.
 * Context: as rk_cache_get(). Cost: some 10 ns, and 0.3 ns for each object with rseq.
 */
RKI_API size_t rk_cache_get_batch(struct rk_cache *cache, void **objects, size_t count);
RKI_API void rk_cache_put_batch(struct rk_cache *cache, void *const *objects, size_t count);

/*
 * Takes all objects of a CPU's array, whose users go on meanwhile, to the depot, and what finds no room there to the
 * destructor. What the array was allowed to hold goes back to the limit; it grows again by use.
 *
 * rk_cache_reclaim_idle() does this for all CPUs whose arrays nobody has used since it was called last: to be called once
 * in a while, every second say, so that what CPUs kept which have nothing to do any more, or went offline, is of use to
 * others. The first call only looks.
 *
 * Returns 0, else:
 *   -EBUSY         another thread, or the code that a signal handler interrupted, does so for that CPU; or the caller is inside
 *                  rk_vfork_begin()
 *   -EHOSTUNREACH  there is no fence (remote.h): the objects stay out of reach until another call succeeds
 *   -EINVAL        cache is NULL, or the CPU isn't possible
 * Where there is nothing to be taken it needs no fence. rk_cache_reclaim_idle() goes on with the other CPUs.
 * Context: any thread; signal handler; after fork; not in a vfork child. Cost: a fence for each CPU that objects are taken
 * from.
 */
RKI_API int rk_cache_reclaim(struct rk_cache *cache, int cpu);
RKI_API int rk_cache_reclaim_idle(struct rk_cache *cache);

/*
 * Destructs objects of the depot: as many as are more than `keep` when it is called, but for those that other threads have in
 * hand with the rest of a magazine. To give all memory back:
 * rk_cache_reclaim() for all CPUs, then this with 0.
 *
 * Returns how many it has destructed.
 * Context: as rk_cache_get(). Cost: the destructor for each.
 */
RKI_API size_t rk_cache_trim(struct rk_cache *cache, size_t keep);

/*
 * What a cache has done, and has.
 *
 * Parameters: size is sizeof(struct rk_cache_report), as the caller knows it: no more is written, and what this library
 * doesn't know is zeroed.
 * Returns 0; -EINVAL when a pointer is NULL.
 * Context: any thread; signal handler; after fork. Cost: a look at every CPU's array. The counts of gets and puts cost
 * callers nothing: they come out of a word that a section writes anyway (struct rk_array in ops.h).
 */
RKI_API int rk_cache_query(const struct rk_cache *cache, struct rk_cache_report *report, size_t size);

RKI_END_DECLS

#include <rseqkit/detail/cache.h>

#endif /* RSEQKIT_CACHE_H */
