/* SPDX-License-Identifier: MIT */
/*
 * percpu.h - per-CPU memory: items at the same offset in every CPU's stride of one mapping.
 *
 * Above all: a plain store to a slot can be lost, or tear an operation apart, while any thread works on that slot by
 * operations. A freed item's slots are handed out again: no thread may be in an operation on it then.
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
 * Possible CPUs are the kernel's list, not those online: numbers may be sparse and CPUs may come and go. Every index up
 * to the highest possible CPU has memory, in the gaps of a sparse numbering too, for concurrency ids are dense. Where
 * the list is wrong (a container has another machine's, a process was moved to a larger one), a higher index faults: up
 * to RK_CPUS_MAX no address belongs to anything else. With a limit on address space (RLIMIT_AS) that goes for the
 * numbers that the kernel has room for, and where even that much address space can't be had, for the possible CPUs only.
 *
 * The address space that is reserved isn't memory, but counts where the kernel counts address space: against RLIMIT_AS,
 * and against RLIMIT_MEMLOCK when a program without CAP_IPC_LOCK calls mlockall(MCL_CURRENT). mlockall(MCL_FUTURE) doesn't
 * fill it. Core dumps leave it out: of a program with one counter both the kernel's and gcore's have 1.5 MB. But gcore reads
 * large items whole, those of unused indexes too: with ten of 8 MB and two possible CPUs its file has 337 MB, and the process
 * keeps as much memory. A pool takes three mappings of the process's 65,530 or so, each further range two, and a large item
 * two.
 *
 * What walks mappings, measured with one counter and two possible CPUs: fork() takes 46 us instead of 40. Who reads
 * /proc/PID/smaps waits 97 us instead of 89. mlockall(MCL_CURRENT) takes 330 us instead of 250 and locks 1 MB, RK_STRIDE bytes
 * for each index. A counter that is made after mlockall(MCL_CURRENT | MCL_FUTURE) is filled by nothing but its adds.
 *
 * An item of more than RK_STRIDE bytes is a large one. Its slots hold pointers, each to that index's memory of
 * item_size bytes: the operations that go through a pointer work on it (rk_cpu_add_through() and others).
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

/* Bytes of the largest item. */
#define RK_PERCPU_ITEM_MAX ((size_t)1 << 30)

/*
 * Flags of struct rk_percpu_options.
 *
 * RK_PERCPU_DEBUG: finds misuse, see rk_percpu_check(). Freed items are filled with a pattern, and it is looked at when
 * they are handed out again; items have a guard behind them. Costs memory on every CPU. A program that is started
 * with RSEQKIT_PERCPU=debug in its environment has it in all pools, unless it is set-user-ID. Large items, and those with
 * less than 16 bytes left in RK_STRIDE, have no guard, and what large items point to has no pattern. Without it, too,
 * AddressSanitizer and valgrind are told which items may be used.
 *
 * RK_PERCPU_CLOSABLE: each slot begins with struct rk_bank_slot, and behind it are two banks of item_size bytes, so that
 * other CPUs' data can be taken (bank.h). Slots are closed until rk_percpu_open(). All of it has to fit into RK_STRIDE
 * bytes, so an item has half of that at most, less the header. The first such
 * pool registers the process for fences, as rk_fence_prepare() (remote.h): best made while there is one thread. Not with
 * RK_PERCPU_EMPTY_IN_CHILDREN: who was at work on a bank would find nothing there.
 *
 * RK_PERCPU_EMPTY_IN_CHILDREN: in a child of fork all slots of all items read as zero, but for the reserve
 * slot's, which is a structure's own. Not with initial contents.
 */
#define RK_PERCPU_DEBUG 1u
#define RK_PERCPU_CLOSABLE 2u
#define RK_PERCPU_EMPTY_IN_CHILDREN 4u

struct rk_percpu; /* a pool of items of one size */

struct rk_percpu_options {
	size_t item_size;    /* bytes, 1 to RK_PERCPU_ITEM_MAX */
	size_t alignment;    /* bytes, a power of two from 1 to 4096; 0 means 8 */
	const void *initial; /* item_size bytes that every slot of every item starts with; NULL means zeros */
	unsigned flags;      /* RK_PERCPU_* */
};

/* What a pool has, in bytes unless it says otherwise. */
struct rk_percpu_report {
	size_t items;     /* how many are handed out */
	size_t used;      /* theirs: items times size, for one index */
	size_t reserved;  /* address space that could be written to */
	size_t committed; /* pages that were touched, RK_STATS_UNKNOWN without /proc; a child shares them with its parent */
	uint64_t aborts;    /* repetitions of aborted sections, by this library's structures in the pool */
	uint64_t overflows; /* of them: operations that took the overflow slot after too many; without rseq all do */
};

#define RK_STATS_UNKNOWN SIZE_MAX

/* What rk_percpu_check() finds. Numbers are ABI. */
enum rk_percpu_misuse {
	RK_MISUSE_NONE = 0,
	RK_MISUSE_NOT_AN_ITEM = 1,        /* no item begins there, or one of a pool without RK_PERCPU_DEBUG */
	RK_MISUSE_NOT_ALLOCATED = 2,      /* an item that was freed, or never handed out */
	RK_MISUSE_WRITTEN_AFTER_FREE = 3, /* a freed item lost its pattern */
	RK_MISUSE_WRITTEN_PAST_END = 4,   /* the guard behind an item was written to */
	RK_MISUSE_OTHER_POOL = 5          /* an item of another pool with RK_PERCPU_DEBUG: who allocated it is told */
};

struct rk_percpu_fault {
	enum rk_percpu_misuse misuse;
	int index;           /* the slot's, of writes */
	ptrdiff_t offset;    /* of the first wrong byte in the slot */
	void *item;          /* slot 0 */
	const void *allocated_by; /* where rk_percpu_alloc() was called for the item at last, or NULL */
	const void *freed_by;     /* where rk_percpu_free() was called for it at last, or NULL */
};

RKI_BEGIN_DECLS

/*
 * How many CPUs are possible, and the first possible CPU above `after` (-1 to begin; returns -1 at the end). Where
 * the kernel's list can't be read, or the kernel itself contradicts it, every CPU number that the kernel has room for
 * counts as possible. Concurrency ids are below rk_cpus_count(), so this walks the slots by either:
 *
 *	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) ...
 *	for (int cid = 0; cid < rk_cpus_count(); cid++) ...
 *
 * All copies of this library in a process take the set that one of them saw first, also one that first looks where /sys
 * can't be read, in a chroot, say. Not where the kernel contradicts that set by then, or nothing can be mapped at the
 * address where they tell each other (RK_CPUS_PAGE_ADDRESS in rseqkit/detail/agreement.h).
 *
 * Context: any thread; after fork; signal handler. Cost: the list is read once, 20 us.
 * Source: /sys/devices/system/cpu/possible, see the kernel's Documentation/admin-guide/cputopology.rst.
 */
RKI_API int rk_cpus_count(void);
RKI_API int rk_cpus_next(int after);

/*
 * Creates a pool. Its address space comes in ranges of RK_STRIDE bytes per index, one more whenever one is full.
 *
 * Parameters: size is sizeof(*options), see api.h.
 * Returns 0 and the pool in *pool; -EINVAL for options out of range or not together, or flags unknown; -E2BIG for options that
 * this library doesn't know; -ENOMEM.
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: microseconds; the
 * first closable one of a process that has several threads by then waits for the kernel, some 20 ms.
 */
RKI_API int rk_percpu_create(struct rk_percpu **pool, const struct rk_percpu_options *options, size_t size);

/*
 * Which option rk_percpu_create() answers with -EINVAL or -E2BIG for: a sentence, static storage; NULL if all are right.
 * Parameters: as rk_percpu_create(). Context: any. Cost: nanoseconds.
 */
RKI_API const char *rk_percpu_options_fault(const struct rk_percpu_options *options, size_t size);

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
 * Returns 0 and the address of slot 0 in *item; -EINVAL when pool or item is NULL; -ENOMEM, also where another thread
 * trims the pool at that moment and the address space has no room for a range more; -EUCLEAN with
 * RK_PERCPU_DEBUG when the item that would be handed out was written to after it was freed: it stays out of use.
 * Context: as rk_percpu_create(). Cost: about 0.1 us for a fresh item, which touches no CPU's page; a reused one is
 * rewritten where it differs. Initial contents cost a mapping for each index and RK_STRIDE bytes of items. When all
 * pools together have 4096 of those, further items are filled when they are handed out, which commits a page on every
 * CPU. A large item is a mapping, and a pointer for each index; with initial contents all of it is committed at once.
 */
RKI_API int rk_percpu_alloc(struct rk_percpu *pool, void **item);

/*
 * Frees an item; NULL is allowed. No thread may be using it. Its memory is kept for the next one, but for that of a
 * large item; see rk_percpu_trim().
 *
 * Returns 0, or -EINVAL when it is not an allocated item of this pool (freed twice, say), and then nothing happens;
 * -EUCLEAN with RK_PERCPU_DEBUG when the guard behind it was written to: it stays allocated. rk_percpu_check() says more.
 * Context: as rk_percpu_create(). Cost: 0.1 us, and a nanosecond for each range of the pool (RK_STRIDE bytes of items).
 * The address space of a large item stays reserved where the process is at its limit of mappings.
 */
RKI_API int rk_percpu_free(struct rk_percpu *pool, void *item);

/*
 * Gives pages back to the kernel that hold nothing but free items, on all CPUs. Nothing else ever does. The address
 * space stays reserved. Items that are freed or allocated meanwhile may be missed.
 *
 * Returns 0; -EINVAL when pool is NULL. With RK_PERCPU_DEBUG nothing is given back: patterns are to be kept.
 * Context: as rk_percpu_create(). Cost: a system call for each such page, or larger item, and each index. A fork by another
 * thread costs the child the free items of the page that is at hand. Pages that are locked are kept.
 */
RKI_API int rk_percpu_trim(struct rk_percpu *pool);

/*
 * What the pool has now: on all indices, or for one CPU (or RK_INDEX_*) what `reserved` and `committed` are there.
 *
 * Parameters: index is one that has memory, or RK_INDEX_ALL. size is sizeof(struct rk_percpu_report), as the caller
 * knows it: no more is written, and what this library doesn't know is zeroed.
 * Returns 0; -EINVAL when pool or stats is NULL or there is no such index.
 * Context: any thread; after fork; not while the pool is destroyed. Cost: a look at the kernel's page map for each range
 * and index (openat, pread64, close).
 * Source: /proc/thread-self/pagemap, see the kernel's Documentation/admin-guide/mm/pagemap.rst.
 */
#define RK_INDEX_ALL INT32_MIN
RKI_API int rk_percpu_query(const struct rk_percpu *pool, int index, struct rk_percpu_report *stats, size_t size);

/*
 * Looks for misuse of an item, or of all items of the pool if `item` is NULL: the first is told. Guards, patterns and
 * callers are there with RK_PERCPU_DEBUG only; what rk_percpu_free() refuses is explained in any pool.
 *
 * Parameters: size is sizeof(*fault), see api.h; fault may be NULL.
 * Returns 0 if nothing is wrong; 1 and what it is in *fault; -EINVAL when pool is NULL, or size is 0.
 * Context: any thread; after fork; not while a pool with RK_PERCPU_DEBUG is destroyed. An item that is being freed or
 * allocated meanwhile may look misused. Of more than 128 pools with RK_PERCPU_DEBUG the later ones aren't told as
 * another pool. Cost: a look at every slot.
 */
RKI_API int rk_percpu_check(const struct rk_percpu *pool, void *item, struct rk_percpu_fault *fault, size_t size);

/*
 * The banks of a closable item's slot: `which` is 0 or 1. rk_percpu_open() opens a slot with the first one, when an
 * operation on it has said RK_CLOSED; rk_percpu_spare() is the one that isn't in use, for rk_bank_take(), and known only
 * to who holds the slot's claim. A spare bank has what was in it when it was in use, or what a vector left: clear it
 * before it is given to rk_bank_take().
 *
 * Returns the bank, or NULL when the pool isn't closable; rk_percpu_spare() also when there is none, because the other
 * bank was taken and nobody is done with it: rk_bank_take() gives that one then, and takes no spare. rk_percpu_open()
 * returns what rk_bank_open_first() does.
 * Context: any thread; signal handler; after fork. Cost: nanoseconds.
 */
RKI_API void *rk_percpu_bank(const struct rk_percpu *pool, void *item, int index, int which);
RKI_API void *rk_percpu_spare(const struct rk_percpu *pool, void *item, int index);
RKI_API int rk_percpu_open(const struct rk_percpu *pool, void *item, int index);

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
