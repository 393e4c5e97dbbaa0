/* SPDX-License-Identifier: MIT */
/*
 * counter.h - 64-bit counters: added to on the CPU one runs on, summed over all CPUs when read. Alone, or in groups that
 * are read as they are at one moment.
 *
 * Above all: a counter is destroyed when no thread can add to it any more. Nothing finds an add that comes later: it goes to
 * the next counter there.
 *
 * Total: an add never fails. A thread with rseq adds in its CPU's slot by one restartable sequence; one without, or
 * one whose sequence was aborted RK_ABORTS_MAX times in a row, adds atomically to the overflow slot, which sums
 * include. On 32-bit machines all adds do, since 64 bits are more than one store.
 *
 * Memory: 8 bytes for a counter, and 16 for one in a group, in the pages of each CPU that adds to it and of the shared
 * slots. A million counters take 8 MiB for each CPU, or in groups 16 MiB.
 *
 * fork: the child has its own copy of every counter, with the values of the moment of the fork.
 */
#ifndef RSEQKIT_COUNTER_H
#define RSEQKIT_COUNTER_H

#include <rseqkit/percpu.h>

/* Its address is that of the item in per-CPU memory (percpu.h). */
struct rk_counter;

RKI_BEGIN_DECLS

/*
 * Creates a counter that reads 0.
 *
 * Returns 0 and the counter in *counter; -EINVAL when `counter` is NULL; -ENOMEM; -EUCLEAN as
 * rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 0.1 us; the
 * first one in a process 50 us.
 */
RKI_API int rk_counter_create(struct rk_counter **counter);

/*
 * Destroys a counter; NULL is allowed. No thread may be using it.
 *
 * Returns 0; -EINVAL when it is no counter (any more); -EUCLEAN as rk_percpu_free().
 * Context: as rk_counter_create(). Cost: 50 ns, and no memory is given back. Creating a counter in the place of a
 * destroyed one looks at every CPU's slot.
 */
RKI_API int rk_counter_destroy(struct rk_counter *counter);

/*
 * Adds `value`, which may be negative; the sum wraps at 64 bits.
 *
 * Context: any thread; signal handler, also one that interrupts an add to the same counter; after fork; not in a
 * vfork child outside rk_vfork_begin(). Cost: 0.3 to 1.7 ns with rseq, by processor; 5 to 20 without.
 */
RKI_INLINE void rk_counter_add(struct rk_counter *counter, int64_t value);

/*
 * The sum since creation or the last reset. Exact if no add runs meanwhile; otherwise it contains every add that
 * happened before the call, and some of those that run.
 *
 * Context: any thread; signal handler; after fork. Cost: one load per possible CPU.
 */
RKI_API int64_t rk_counter_sum(const struct rk_counter *counter);

/*
 * Returns the sum and makes it the new zero. Adds are not disturbed: the value becomes the baseline of later sums.
 * Several threads may do so at once, and then each add is returned by exactly one of them, as long as none is negative; else
 * the sum of all that they return is right, but one that was interrupted between others may return again what those have.
 *
 * Context and cost: as rk_counter_sum().
 */
RKI_API int64_t rk_counter_reset(struct rk_counter *counter);

/*
 * What all counters of the process have in memory, and how often their adds were aborted or took the overflow slot; as
 * rk_percpu_query() (percpu.h). -ENOMEM, too, if there is no counter yet.
 */
RKI_API int rk_counter_query(int index, struct rk_percpu_report *stats, size_t size);

/*
 * A counter that needs no creation: it is made on its first use, in whichever thread or handler that is. It is never
 * destroyed.
 *
 *	static struct rk_counter_static requests = RK_COUNTER_STATIC;
 *
 *	rk_counter_static_add(&requests, 1);
 *	... rk_counter_sum(rk_counter_static_get(&requests)) ...
 *
 * Where there is no memory for it, adds go to `early` until there is.
 */
struct rk_counter_static {
	struct rk_counter *counter;
	int64_t early __attribute__((__aligned__(8)));
};

#define RK_COUNTER_STATIC {NULL, 0}

/*
 * The counter, made if need be; NULL where there is no memory.
 * Context and cost: as rk_counter_create(), then one load. While this moves what is in `early`, sums lack it: in another
 * thread, in a handler that interrupts it, and for ever in a child that is forked by one of these.
 */
RKI_API struct rk_counter *rk_counter_static_get(struct rk_counter_static *of);

/*
 * Adds to it.
 * Context: as rk_counter_add(); not under asynchronous cancellation before it is made. Cost: one load more.
 */
RKI_INLINE void rk_counter_static_add(struct rk_counter_static *of, int64_t value);

/*
 * Counters that are read together. What a read gives is a consistent cut: with an add it has every add that happened
 * before that one, in the same thread or in one that it was synchronised with, on whichever CPUs. So who counts first a
 * request and then its answer never reads more answers than requests.
 *
 * The difference of two cuts isn't a cut. A request of the first one may be answered before the second. Then the difference has
 * more answers than requests. A reset subtracts a cut, so what is read behind it, and what the next reset returns, is such a
 * difference.
 *
 *	static const char *const names[] = {"requests", "answers"};
 *	struct rk_counter_group *group;
 *	int64_t values[2];
 *
 *	rk_counter_group_create(&group, names, 2);
 *	rk_counter_group_add(group, 0, 1);
 *	rk_counter_group_read(group, values, 2);
 *
 * Its address is that of the item in per-CPU memory (percpu.h).
 */
struct rk_counter_group;

/* Counters of a group, at most 16380: what RK_STRIDE holds. */
#define RK_COUNTER_GROUP_MAX ((RK_STRIDE - RKI_GROUP_HEAD) / (2 * sizeof(int64_t)))

/*
 * Creates a group of counters that read 0.
 *
 * Parameters: names are `count` strings, for who exports the counters: rk_counter_group_name(). NULL for none. They aren't
 * copied, and stay as long as the group. count is from 1 to RK_COUNTER_GROUP_MAX.
 * Returns 0 and the group in *group; -EINVAL when `group` is NULL or count is out of range; -ENOMEM; -EUCLEAN as
 * rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 0.1 us; from 250
 * counters on 2 to 7 us, a page fault; from 8,000 on 10 to 20 us, a range of address space. The first one of each size in a
 * process 30 us, and the first of all 20 ms if there are several threads by then (rk_fence_prepare() in remote.h).
 * Memory in each slot: 64 bytes and 16 for each counter, rounded up to a power of two. Of address space it takes
 * RK_CPUS_MAX times that, as other items do: with the most counters 2 GB and two of the process's mappings.
 */
RKI_API int rk_counter_group_create(struct rk_counter_group **group, const char *const *names, size_t count);

/*
 * Destroys a group; NULL is allowed. No thread may be using it.
 *
 * Returns 0; -EINVAL when it is no group (any more); -EUCLEAN as rk_percpu_free().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 50 ns, of the largest
 * up to 1 us. Memory and address space are kept for the next group or histogram of that size.
 */
RKI_API int rk_counter_group_destroy(struct rk_counter_group *group);

/*
 * How many counters the group has, and the name of one: NULL where there are no names, or no such counter.
 * Context: any. Cost: a load.
 */
RKI_API size_t rk_counter_group_count(const struct rk_counter_group *group);
RKI_API const char *rk_counter_group_name(const struct rk_counter_group *group, size_t which);

/*
 * Adds `value`, which may be negative, to the counter of that number; the sum wraps at 64 bits.
 *
 * Parameters: which is below the group's count; this isn't checked.
 * Context: as rk_counter_add(). Cost: 0.5 to 2 ns with rseq; 30 ns without.
 */
RKI_INLINE void rk_counter_group_add(struct rk_counter_group *group, size_t which, int64_t value);

/*
 * Reads the first `count` counters of a group, since creation or the last reset. rk_counter_group_reset() makes what it
 * returns their new zero; each add is returned by exactly one reset. Adds go on meanwhile, and none waits.
 *
 * What was added before the call is in it, and the values are a consistent cut, as above, if this returns 0. Otherwise
 * each value is right by itself, as rk_counter_sum(), but they may be of different moments, or of before a reset that
 * somebody is at, and nothing is reset.
 *
 * Returns 0; -EBUSY when another thread read the group for a tenth of a second, or the code that a signal handler
 * interrupted does; -EHOSTUNREACH when there is no fence (remote.h); -EAGAIN when threads without rseq were stopped in
 * the middle of an add whenever this tried; -EINVAL when a pointer is NULL or count is above the group's: values are as
 * they were then.
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation (api.h).
 * Cost: a fence of all CPUs, and two loads of each counter for each possible CPU.
 */
RKI_API int rk_counter_group_read(struct rk_counter_group *group, int64_t *values, size_t count);
RKI_API int rk_counter_group_reset(struct rk_counter_group *group, int64_t *values, size_t count);

/*
 * A group that needs no creation, as struct rk_counter_static. This defines one of that name, whose counters have the
 * names that follow, at file scope; `count` of it is how many there are.
 *
 *	RK_COUNTER_GROUP_STATIC(traffic, "requests", "answers");
 *
 *	rk_counter_group_static_add(&traffic, 0, 1);
 */
struct rk_counter_group_static {
	struct rk_counter_group *group;
	const char *const *names;
	int64_t *early;
	size_t count;
};

#define RK_COUNTER_GROUP_STATIC(name, ...)                                                                             \
	static const char *const name##_names[] = {__VA_ARGS__};                                                       \
	static int64_t name##_early[sizeof(name##_names) / sizeof(name##_names[0])];                                   \
	static struct rk_counter_group_static name = {NULL, name##_names, name##_early,                                \
						      sizeof(name##_names) / sizeof(name##_names[0])}

/*
 * The group, made if need be; NULL where there is no memory. Context and cost: as rk_counter_static_get().
 */
RKI_API struct rk_counter_group *rk_counter_group_static_get(struct rk_counter_group_static *of);

/*
 * Adds to a counter of it. Adds from before there was memory for it count as added when they were moved, one counter after
 * the other.
 * Context and cost: as rk_counter_group_add(); a load more.
 */
RKI_INLINE void rk_counter_group_static_add(struct rk_counter_group_static *of, size_t which, int64_t value);

RKI_END_DECLS

#include <rseqkit/detail/counter.h>

#endif /* RSEQKIT_COUNTER_H */
