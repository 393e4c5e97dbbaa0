/* SPDX-License-Identifier: MIT */
/*
 * counter.h - 64-bit counters. A counter has a value for each CPU. A thread adds to the value of the CPU that it runs on; a
 * read sums up the values of all CPUs. Counters can form a group. A read of a group is a consistent cut of all its counters.
 *
 * Above all: destroy a counter only when no thread can add to the counter any more. The library doesn't detect an add to a
 * destroyed counter. Such an add changes the counter that uses the same memory next.
 *
 * An add never fails. A thread with rseq adds to its CPU's slot by one restartable sequence. A thread without rseq adds by an
 * atomic instruction to the overflow slot, which all threads share (percpu.h). A thread whose sequence was aborted RK_ABORTS_MAX
 * times in a row also adds to the overflow slot. Sums include the overflow slot. On 32-bit machines all adds go to the overflow
 * slot, because a section commits by one store, and 64 bits take two stores there.
 *
 * Memory: a counter takes 8 bytes for each CPU on which threads add to the counter, and 8 bytes in each of the two shared
 * slots. A counter in a group takes 16 bytes instead of 8. For each CPU a million counters take 8 MiB, and a million counters
 * in groups take 16 MiB.
 *
 * fork: the child has its own copy of every counter, with the values at the moment of the fork. From then on, parent and child
 * don't see each other's adds. Counters are private memory of a process, so forked worker processes don't share counters.
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
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 0.1 us. The first
 * counter of a process takes 50 us. If the counter gets the memory of a destroyed counter, the call also reads every CPU's
 * slot.
 */
RKI_API int rk_counter_create(struct rk_counter **counter);

/*
 * Destroys a counter. NULL is allowed. Call the function only while no thread uses the counter.
 *
 * Returns 0; -EINVAL when `counter` isn't a counter, or was destroyed before; -EUCLEAN as rk_percpu_free().
 * Context: as rk_counter_create(). Cost: 50 ns. The call gives no memory back to the kernel.
 */
RKI_API int rk_counter_destroy(struct rk_counter *counter);

/*
 * Adds `value` to the counter. `value` can be negative. The sum wraps at 64 bits.
 *
 * Context: any thread; signal handler, even if it interrupted an add to the same counter; after fork; in a vfork child only
 * inside rk_vfork_begin(). Cost: with rseq 0.3 to 1.7 ns, depending on the processor; without rseq 5 to 20 ns.
 */
RKI_INLINE void rk_counter_add(struct rk_counter *counter, int64_t value);

/*
 * Returns the sum of all adds since the counter was created or last reset. The sum is exact if no add runs during the call.
 * Otherwise the sum contains every add that happened before the call, and some of the adds that run during the call.
 *
 * Context: any thread; signal handler; after fork. Cost: one load for each index up to the highest possible CPU.
 */
RKI_API int64_t rk_counter_sum(const struct rk_counter *counter);

/*
 * Returns the sum, and resets the counter: the call subtracts the returned sum from all later sums. A reset doesn't disturb
 * adds. Several threads can reset a counter at the same time. If no add is negative, each add appears in the result of exactly
 * one reset. If some adds are negative, an add can appear in the results of several resets, but the total of all results is
 * right. For example, suppose that a reset is interrupted, and that other resets return some adds before the interrupted reset
 * continues. In this case the interrupted reset can return these adds a second time.
 *
 * Context and cost: as rk_counter_sum().
 */
RKI_API int64_t rk_counter_reset(struct rk_counter *counter);

/*
 * Reports the memory of all counters of the process, how often adds were aborted, and how often adds used the overflow slot.
 * Parameters, result, context and cost: as rk_percpu_query() (percpu.h). If the process has no counter yet, all members are 0,
 * for each index.
 */
RKI_API int rk_counter_query(int index, struct rk_percpu_report *stats, size_t size);

/*
 * A static counter. The program doesn't create a static counter: the library creates the counter at the first use, in any
 * thread or signal handler. The structure can be a member of the program's objects.
 *
 *	static struct rk_counter_static requests = RK_COUNTER_STATIC;
 *
 *	rk_counter_static_add(&requests, 1);
 *	... rk_counter_static_sum(&requests) ...
 *
 * As long as the library can't create the counter, adds go to `early`, and take longer. The reason can be that there is no
 * memory, or that a filter refuses to map it. Before a program installs such a filter, it calls rk_counter_static_get() for
 * each static counter. Each add loads the counter's address from this structure, so keep it apart from words that are written
 * often.
 */
struct rk_counter_static {
	struct rk_counter *counter;
	int64_t early __attribute__((__aligned__(8)));
};

#define RK_COUNTER_STATIC {RKI_NULL, 0}

/*
 * Returns the counter. If the counter doesn't exist yet, the call creates it. Returns NULL when there is no memory.
 * Context: as rk_counter_create(). Cost: the call that creates the counter takes as long as rk_counter_create(). Later calls
 * take one load.
 * While the call moves the value of `early` to the counter, sums in other threads lack this value. Sums in a signal handler
 * that interrupts the call also lack this value. If another thread or such a handler forks during the move, the child's sums
 * lack the value for ever.
 */
RKI_API struct rk_counter *rk_counter_static_get(struct rk_counter_static *of);

/*
 * Returns the sum of a static counter, with the adds in `early`. If the counter doesn't exist yet, the call doesn't create it.
 * While another thread moves the value of `early` to the counter, the sum lacks this value.
 * Context and cost: as rk_counter_sum().
 */
RKI_API int64_t rk_counter_static_sum(const struct rk_counter_static *of);

/*
 * Destroys the counter, if it exists, and sets the structure to zeros: the next use creates a counter with the value 0. Call the
 * function only while no thread uses the counter, for example before the memory of an object that contains a static counter is
 * freed. To set the counter to 0 while threads add, call rk_counter_reset(rk_counter_static_get(of)).
 *
 * A structure of zeros is a static counter, so an object from calloc() needs no initializer. A memset() over an object that
 * contains a static counter loses the counter: its value is 0 again, and its memory, 8 bytes for each CPU, is never freed. While
 * threads add, memset() can also lose adds. Destroy the counter first.
 *
 * Returns 0; -EINVAL when `of` is NULL, or its counter isn't a counter; -EUCLEAN as rk_percpu_free().
 * Context and cost: as rk_counter_destroy().
 */
RKI_API int rk_counter_static_destroy(struct rk_counter_static *of);

/*
 * Adds `value` to the static counter.
 * Context: as rk_counter_add(). Until the counter is created, the call is not allowed under asynchronous cancellation. Cost:
 * one load more than rk_counter_add().
 */
RKI_INLINE void rk_counter_static_add(struct rk_counter_static *of, int64_t value);

/*
 * A group: counters that are read together. A read of a group is a consistent cut: if add A happened before add B, and the
 * read contains B, then the read also contains A. A and B can be in one thread, or in two threads that synchronise with each
 * other, on any CPUs. For example, a program counts each request, and after that counts the answer to the request. A read
 * then never returns more answers than requests.
 *
 * The difference between two cuts isn't a cut. For example, if the first cut contains a request, and only the second cut
 * contains the request's answer, the difference contains only the answer. The difference can therefore have more answers than
 * requests. After a reset, each read or reset returns a difference: its own cut minus the cut of the previous reset.
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

/* The highest number of counters in a group: 16380. More counters don't fit into RK_STRIDE. */
#define RK_COUNTER_GROUP_MAX ((RK_STRIDE - RKI_GROUP_HEAD) / (2 * sizeof(int64_t)))

/*
 * Creates a group of counters. Each counter begins with the value 0.
 *
 * Parameters: `names` is an array of `count` strings for rk_counter_group_name(), or NULL if the counters have no names. The
 * library copies neither the array nor the strings. The caller keeps the array and the strings as long as the group exists.
 * `count` is from 1 to RK_COUNTER_GROUP_MAX.
 * Returns 0 and the group in *group; -EINVAL when `group` is NULL or `count` is out of range; -ENOMEM; -EUCLEAN as
 * rk_percpu_alloc().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h).
 * Cost: 0.1 us. A group of 250 counters or more takes 2 to 7 us, because of a page fault. A group of 8,000 counters or more
 * takes 10 to 20 us, because the call maps address space. The first group of each size in a process takes 30 us. If the
 * process already has several threads, its first group takes 20 ms (rk_fence_prepare() in remote.h).
 * Memory: each slot takes 64 bytes plus 16 bytes for each counter, rounded up to a power of two. A group of more than 252
 * counters takes as much address space as a pool (percpu.h), 66 MB or more, and two of the process's mappings. Smaller groups
 * share the address space of a pool as long as it has room.
 */
RKI_API int rk_counter_group_create(struct rk_counter_group **group, const char *const *names, size_t count);

/*
 * Destroys a group. NULL is allowed. Call the function only while no thread uses the group.
 *
 * Returns 0; -EINVAL when `group` isn't a group, or was destroyed before; -EUCLEAN as rk_percpu_free().
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: 50 ns, for the largest
 * group up to 1 us. The library keeps the memory and the address space for the next group or histogram of the same size.
 */
RKI_API int rk_counter_group_destroy(struct rk_counter_group *group);

/*
 * rk_counter_group_count() returns the number of counters in the group. rk_counter_group_name() returns the name of counter
 * number `which`, or NULL when there are no names or no such counter.
 * Context: any. Cost: a load.
 */
RKI_API size_t rk_counter_group_count(const struct rk_counter_group *group);
RKI_API const char *rk_counter_group_name(const struct rk_counter_group *group, size_t which);

/*
 * Adds `value` to counter number `which` of the group. `value` can be negative. The sum wraps at 64 bits.
 *
 * Parameters: `which` is less than the number of counters in the group. The call doesn't check `which`.
 * Context: as rk_counter_add(). Cost: with rseq 0.5 to 2 ns, without rseq 6 to 30 ns.
 * To add to several counters, call the function for each. Two calls take 1.08 ns, which is twice the 0.54 ns of one call (bench
 * `counter`, `group-two`, on an AMD EPYC of family 25, model 17). One call for several counters would take as long, because
 * each add needs a section of its own: a section commits by one store. Two sections that shared the loads of the CPU's number
 * and of the group's word took 1.08 ns, and three took 1.62 ns.
 */
RKI_INLINE void rk_counter_group_add(struct rk_counter_group *group, size_t which, int64_t value);

/*
 * rk_counter_group_read() and rk_counter_group_reset() store in values[] the values of the group's first `count` counters. A
 * value is the sum of all adds since the group was created or last reset. rk_counter_group_reset() also resets these
 * counters. Each add appears in the result of exactly one reset. Neither call disturbs adds, and no add waits for a call.
 *
 * If the call returns 0, the values contain all adds that happened before the call, and the values are a consistent cut. If the
 * call returns an error other than -EINVAL, each value by itself is right, like a result of rk_counter_sum(). But the values
 * can be from different moments, and can ignore a reset that another thread runs during the call. A call that returns an error
 * resets no counter.
 *
 * Returns 0, or:
 *   -EBUSY         other threads' reads or resets kept the group busy for a tenth of a second. Or a signal handler made the
 *                  call, and the handler interrupted a read or reset of the same group
 *   -EHOSTUNREACH  there is no fence (remote.h)
 *   -EAGAIN        the call made 16 attempts, and during each attempt an add without rseq was stopped half-way. Try again
 *   -EINVAL        a pointer is NULL, or `count` is above the group's number of counters. The call stores no values
 * Context: any thread; signal handler; after fork; not in a vfork child; not under asynchronous cancellation (api.h).
 * Cost: a fence of all CPUs, which calls membarrier(2), and two loads of each counter for each index up to the highest possible
 * CPU.
 */
RKI_API int rk_counter_group_read(struct rk_counter_group *group, int64_t *values, size_t count);
RKI_API int rk_counter_group_reset(struct rk_counter_group *group, int64_t *values, size_t count);

/*
 * Stores the values of the group's first `count` counters in values[], as rk_counter_group_read() does, but not as a cut. Each
 * value by itself is right, like a result of rk_counter_sum(), but the values can be from different moments. The call makes no
 * system call and no fence, and it never fails because of other threads. Prefer it for statistics that people read.
 *
 * Returns 0; -EINVAL as rk_counter_group_read().
 * Context: any thread; signal handler, even if it interrupted another read of the group; after fork. Cost: two loads of each
 * counter for each index up to the highest possible CPU.
 */
RKI_API int rk_counter_group_read_relaxed(const struct rk_counter_group *group, int64_t *values, size_t count);

/*
 * A static group. The library creates the group at the first use, like a static counter (struct rk_counter_static).
 * RK_COUNTER_GROUP_STATIC() defines a static group at file scope. The first argument is the name of the variable, and the
 * other arguments are the names of the counters. The member `count` is the number of counters.
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
	static struct rk_counter_group_static name = {RKI_NULL, name##_names, name##_early,                                \
						      sizeof(name##_names) / sizeof(name##_names[0])}

/*
 * Returns the group. If the group doesn't exist yet, the call creates it. Returns NULL when there is no memory.
 * Context and cost: as rk_counter_static_get().
 */
RKI_API struct rk_counter_group *rk_counter_group_static_get(struct rk_counter_group_static *of);

/*
 * Destroys the group, if it exists: the next use creates a group whose counters have the value 0.
 * Parameters, result, context and cost: as rk_counter_static_destroy().
 */
RKI_API int rk_counter_group_static_destroy(struct rk_counter_group_static *of);

/*
 * Adds `value` to counter number `which` of the group. As long as there is no memory to create the group, adds go to `early`.
 * When the group is created, the library moves these adds to the group, one counter after the other. In a consistent cut, an
 * add that went to `early` counts from the moment at which the library moves it to the group.
 * Context: as rk_counter_static_add(). Cost: one load more than rk_counter_group_add().
 */
RKI_INLINE void rk_counter_group_static_add(struct rk_counter_group_static *of, size_t which, int64_t value);

RKI_END_DECLS

#include <rseqkit/detail/counter.h>

#endif /* RSEQKIT_COUNTER_H */
