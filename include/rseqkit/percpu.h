/* SPDX-License-Identifier: MIT */
/*
 * percpu.h - per-CPU memory: items at the same offset in every CPU's stride of one mapping.
 *
 *   index     -2          -1          0           1          ...  highest possible CPU
 *          +-----------+-----------+-----------+-----------+-----+-----------+
 *          | reserve   | overflow  | CPU 0     | CPU 1     |     | CPU n - 1 |     each RK_STRIDE bytes, read as
 *          |   item    |   item    |   item    |   item    |     |   item    |     zero (or as `initial`) until
 *          +-----------+-----------+-----------+-----------+-----+-----------+     first written
 *                                   ^ the item's address
 *
 * An item's address is that of its slot 0, so that base + (index << shift) is the slot of any index, and the slot at
 * index -1 is shared by all threads that have no rseq. Index -2 is the structure's own, for what isn't per CPU (a
 * counter's baseline). Only address space is reserved; a CPU's page is committed by the first write that runs on it,
 * hence on its NUMA node, and huge pages are kept away because one would span several CPUs.
 *
 * Possible CPUs are the kernel's list, not those online: ids may be sparse and CPUs may come and go.
 */
#ifndef RSEQKIT_PERCPU_H
#define RSEQKIT_PERCPU_H

#include <rseqkit/abi.h>
#include <rseqkit/ops.h>

/* The shared slots of an item. */
#define RK_INDEX_OVERFLOW (-1)
#define RK_INDEX_RESERVE (-2)

/* Highest CPU number plus one that is supported: what the largest kernel configuration has. */
#define RK_CPUS_MAX 8192

/* Flags of struct rk_percpu_options. */
#define RK_PERCPU_DEBUG 1u /* fill freed items with a pattern and check it when they are handed out again */

struct rk_percpu; /* a pool of items of one size */

struct rk_percpu_options {
	size_t item_size;    /* bytes, 1 to RK_STRIDE */
	size_t alignment;    /* bytes, a power of two from 1 to 4096; 0 means 8 */
	const void *initial; /* item_size bytes that every slot of every item starts with; NULL means zeros */
	unsigned flags;      /* RK_PERCPU_* */
};

RKI_BEGIN_DECLS

/*
 * How many CPUs are possible, and the first possible CPU above `after` (-1 to begin; returns -1 at the end). Where
 * the kernel's list can't be read, every CPU number that the kernel has room for counts as possible.
 *
 *	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) ...
 *
 * Context: any thread; after fork; signal handler. Cost: the list is read once, 20 us.
 * Source: /sys/devices/system/cpu/possible, see the kernel's Documentation/admin-guide/cputopology.rst.
 */
RKI_API int rk_cpus_count(void);
RKI_API int rk_cpus_next(int after);

/*
 * Creates a pool. Its address space comes in ranges of RK_STRIDE bytes per index, one more whenever one is full.
 *
 * Returns 0 and the pool in *pool; -EINVAL for options out of range or flags unknown; -ENOMEM.
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: microseconds.
 */
RKI_API int rk_percpu_create(struct rk_percpu **pool, const struct rk_percpu_options *options);

/*
 * Destroys a pool and unmaps its memory; NULL is allowed. No thread may be using an item.
 *
 * Returns 0; -EBUSY while items are allocated, and then nothing happens.
 * Context: as rk_percpu_create().
 */
RKI_API int rk_percpu_destroy(struct rk_percpu *pool);

/*
 * Allocates an item: every slot of it, the shared ones too, holds the initial contents. An item that is being
 * allocated or freed during a fork by another thread, or by the code that a forking signal handler interrupted, is
 * lost to the child.
 *
 * Returns 0 and the address of slot 0 in *item; -EINVAL when pool or item is NULL; -ENOMEM; -EUCLEAN with
 * RK_PERCPU_DEBUG when the item that would be handed out was written to after it was freed: it stays out of use.
 * Context: as rk_percpu_create(). Cost: about 0.1 us for a fresh item, which touches no CPU's page; a reused one is
 * rewritten where it differs.
 */
RKI_API int rk_percpu_alloc(struct rk_percpu *pool, void **item);

/*
 * Frees an item; NULL is allowed. No thread may be using it.
 *
 * Returns 0, or -EINVAL when it is not an allocated item of this pool (freed twice, say), and then nothing happens.
 * Context: as rk_percpu_create().
 */
RKI_API int rk_percpu_free(struct rk_percpu *pool, void *item);

/*
 * The slot of `index` of an item: a possible CPU, a concurrency id, or one of RK_INDEX_*.
 *
 * Context: any. Cost: a shift and an addition.
 */
RKI_INLINE void *rk_percpu_slot(const void *item, int index)
{
	return (void *)((uintptr_t)item + ((uintptr_t)(intptr_t)index << RK_STRIDE_SHIFT));
}

RKI_END_DECLS

#endif /* RSEQKIT_PERCPU_H */
