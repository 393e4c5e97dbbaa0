/* SPDX-License-Identifier: MIT */
/*
 * counter.h - 64-bit counters. A thread adds on the CPU that it runs on; a read sums up all CPUs. Counters may form groups,
 * which are read as they are at one moment.
 *
 * Above all: destroy a counter only when no thread can add to it any more. The library doesn't detect a later add: it goes
 * to the next counter in the same memory.
 *
 * An add never fails. A thread with rseq adds in its CPU's slot by one restartable sequence. A thread without rseq adds to
 * the overflow slot by an atomic instruction. So does a thread whose sequence was aborted RK_ABORTS_MAX times in a row. Sums
 * include the overflow slot. On 32-bit machines all adds go there, because 64 bits take more than one store.
 *
 * Memory: 8 bytes for a counter, and 16 for a counter in a group. They are in the pages of each CPU that adds to the
 * counter, and in those of the shared slots. A million counters take 8 MiB for each CPU. In groups they take 16 MiB.
 *
 * fork: the child has its own copy of every counter, with the values at the moment of the fork.
 */
#ifndef RSEQKIT_COUNTER_H
#define RSEQKIT_COUNTER_H

#include <rseqkit/percpu.h>

/* A counter's address is that of its item in per-CPU memory (percpu.h). */
struct rk_counter;

RKI_BEGIN_DECLS

/*
 * Creates a counter with the value 0.
 *
 * Returns 0 and the counter in *counter; -EINVAL when `counter` is NULL; -ENOMEM; -EUCLEAN as rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 0.1 us; for the first
 * counter of a process 50 us.
 */
RKI_API int rk_counter_create(struct rk_counter **counter);

/*
 * Destroys a counter. NULL is allowed. No thread may be using the counter.
 *
 * Returns 0; -EINVAL when it isn't a counter, or was destroyed before; -EUCLEAN as rk_percpu_free().
 * Context: as rk_counter_create(). Cost: 50 ns. The call gives no memory back. When a counter is created in the place of a
 * destroyed one, the call reads every CPU's slot.
 */
RKI_API int rk_counter_destroy(struct rk_counter *counter);

/*
 * Adds `value`, which may be negative. The sum wraps at 64 bits.
 *
 * Context: any thread; signal handler, also one that interrupts an add to the same counter; after fork; not in a vfork child
 * outside rk_vfork_begin(). Cost: 0.3 to 1.7 ns with rseq, by processor; 5 to 20 ns without.
 */
RKI_INLINE void rk_counter_add(struct rk_counter *counter, int64_t value);

/*
 * Returns the sum of all adds since creation or the last reset. The sum is exact if no add runs meanwhile. Otherwise it
 * contains every add that happened before the call, and some of those that run during the call.
 *
 * Context: any thread; signal handler; after fork. Cost: one load for each index up to the highest possible CPU.
 */
RKI_API int64_t rk_counter_sum(const struct rk_counter *counter);

/*
 * Returns the sum and makes it the new zero: the value becomes the baseline of later sums. Adds aren't disturbed. Several
 * threads may reset a counter at once. If no add is negative, each add appears in exactly one result. With negative adds
 * only the total of all results is right: a reset that was interrupted may return adds again that other resets have
 * returned.
 *
 * Context and cost: as rk_counter_sum().
 */
RKI_API int64_t rk_counter_reset(struct rk_counter *counter);

/*
 * Reports the memory of all counters of the process, and how often their adds were aborted or took the overflow slot. The
 * call works like rk_percpu_query() (percpu.h). It also returns -ENOMEM when the process has no counter yet and there is no
 * memory for a pool.
 */
RKI_API int rk_counter_query(int index, struct rk_percpu_report *stats, size_t size);

/*
 * A counter that needs no creation. Its first use creates it, in any thread or signal handler. It is never destroyed.
 *
 *	static struct rk_counter_static requests = RK_COUNTER_STATIC;
 *
 *	rk_counter_static_add(&requests, 1);
 *	... rk_counter_sum(rk_counter_static_get(&requests)) ...
 *
 * While there is no memory for the counter, adds go to `early`.
 */
struct rk_counter_static {
	struct rk_counter *counter;
	int64_t early __attribute__((__aligned__(8)));
};

#define RK_COUNTER_STATIC {NULL, 0}

/*
 * Returns the counter, which it creates if there is none yet, or NULL when there is no memory.
 * Context and cost: as rk_counter_create(), afterwards one load. While the call moves `early` to the counter, sums lack that
 * amount. This concerns other threads, and signal handlers that interrupt the call. If such a thread or handler forks at
 * that time, the child's sums lack the amount for ever.
 */
RKI_API struct rk_counter *rk_counter_static_get(struct rk_counter_static *of);

/*
 * Adds to the counter.
 * Context: as rk_counter_add(); not under asynchronous cancellation before the counter is created. Cost: one load more than
 * rk_counter_add().
 */
RKI_INLINE void rk_counter_static_add(struct rk_counter_static *of, int64_t value);

/*
 * Counters that are read together. A read gives a consistent cut: with each add it contains all adds that happened before
 * that add. The earlier add may have run in the same thread, or in a thread that was synchronised with it, on any CPU. For
 * example, a program may count each request first and its answer afterwards. Then it never reads more answers than requests.
 *
 * The difference of two cuts isn't a cut. A request of the first cut may be answered before the second. Then the difference
 * has more answers than requests. A reset subtracts a cut. So a read after a reset returns such a difference, and so does
 * the next reset.
 *
 *	static const char *const names[] = {"requests", "answers"};
 *	struct rk_counter_group *group;
 *	int64_t values[2];
 *
 *	rk_counter_group_create(&group, names, 2);
 *	rk_counter_group_add(group, 0, 1);
 *	rk_counter_group_read(group, values, 2);
 *
 * A group's address is that of its item in per-CPU memory (percpu.h).
 */
struct rk_counter_group;

/* The most counters of a group, 16380. More don't fit into RK_STRIDE. */
#define RK_COUNTER_GROUP_MAX ((RK_STRIDE - RKI_GROUP_HEAD) / (2 * sizeof(int64_t)))

/*
 * Creates a group of counters with the value 0.
 *
 * Parameters: names are `count` strings, for programs that export the counters (rk_counter_group_name()); NULL for none. The
 * library doesn't copy them, so they have to exist as long as the group. count is from 1 to RK_COUNTER_GROUP_MAX.
 * Returns 0 and the group in *group; -EINVAL when `group` is NULL or count is out of range; -ENOMEM; -EUCLEAN as
 * rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h).
 * Cost: 0.1 us. From 250 counters on 2 to 7 us, for a page fault. From 8,000 on 10 to 20 us, for a range of address space.
 * The first group of each size in a process takes 30 us. The first of all takes 20 ms if there are several threads by then
 * (rk_fence_prepare() in remote.h).
 * Memory: 64 bytes and 16 for each counter, rounded up to a power of two, in each slot. As with other items, the address
 * space is RK_CPUS_MAX times that. The largest group takes 2 GB, and two of the process's mappings.
 */
RKI_API int rk_counter_group_create(struct rk_counter_group **group, const char *const *names, size_t count);

/*
 * Destroys a group. NULL is allowed. No thread may be using the group.
 *
 * Returns 0; -EINVAL when it isn't a group, or was destroyed before; -EUCLEAN as rk_percpu_free().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 50 ns, for the largest
 * group up to 1 us. Memory and address space are kept for the next group or histogram of that size.
 */
RKI_API int rk_counter_group_destroy(struct rk_counter_group *group);

/*
 * rk_counter_group_count() returns how many counters the group has. rk_counter_group_name() returns the name of counter
 * number `which`, or NULL when there are no names or no such counter.
 * Context: any. Cost: a load.
 */
RKI_API size_t rk_counter_group_count(const struct rk_counter_group *group);
RKI_API const char *rk_counter_group_name(const struct rk_counter_group *group, size_t which);

/*
 * Adds `value`, which may be negative, to counter number `which`. The sum wraps at 64 bits.
 *
 * Parameters: which is below the group's count. The call doesn't check this.
 * Context: as rk_counter_add(). Cost: 0.5 to 2 ns with rseq; 30 ns without.
 */
RKI_INLINE void rk_counter_group_add(struct rk_counter_group *group, size_t which, int64_t value);

/*
 * Both calls store the values of the first `count` counters of a group, since creation or the last reset.
 * rk_counter_group_reset() also makes these values the new zero: each add appears in the result of exactly one reset. Adds
 * go on meanwhile, and none of them waits.
 *
 * If the call returns 0, the values contain all adds that happened before the call, and they are a consistent cut. After an
 * error other than -EINVAL each value is right by itself, like that of rk_counter_sum(). But the values may be from
 * different moments, or from before a reset that is still running, and nothing is reset.
 *
 * Returns 0, or:
 *   -EBUSY         another thread was reading the group for a tenth of a second, or the code that a signal handler
 *                  interrupted is reading it
 *   -EHOSTUNREACH  there is no fence (remote.h)
 *   -EAGAIN        at each of 16 attempts a thread without rseq was stopped inside an add. Try again
 *   -EINVAL        a pointer is NULL or count is above the group's. The call stores no values
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation (api.h).
 * Cost: a fence of all CPUs, and two loads of each counter for each index up to the highest possible CPU.
 */
RKI_API int rk_counter_group_read(struct rk_counter_group *group, int64_t *values, size_t count);
RKI_API int rk_counter_group_reset(struct rk_counter_group *group, int64_t *values, size_t count);

/*
 * A group that needs no creation, like struct rk_counter_static. RK_COUNTER_GROUP_STATIC() defines such a group at file
 * scope. The first argument is its name, and the others are the names of its counters. The member `count` is the number of
 * counters.
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
 * Returns the group, which it creates if there is none yet, or NULL when there is no memory.
 * Context and cost: as rk_counter_static_get().
 */
RKI_API struct rk_counter_group *rk_counter_group_static_get(struct rk_counter_group_static *of);

/*
 * Adds to a counter of the group. While there is no memory for the group, adds go to `early`. They count as added at the
 * moment when they are moved to the group, one counter after the other.
 * Context and cost: as rk_counter_group_add(), with one load more.
 */
RKI_INLINE void rk_counter_group_static_add(struct rk_counter_group_static *of, size_t which, int64_t value);

RKI_END_DECLS

#include <rseqkit/detail/counter.h>

#endif /* RSEQKIT_COUNTER_H */
