/* SPDX-License-Identifier: MIT */
/*
 * percpu.h - per-CPU memory: items at the same offset in every CPU's stride of one mapping.
 *
 * Above all: while any thread works on a slot by operations, don't use plain stores on that slot. A plain store can get
 * lost, or can change the slot in the middle of an operation. Free an item only when no thread is in an operation on it: the
 * next item may get the same slots.
 *
 *   index     -2          -1          0           1          ...  highest possible CPU
 *          +-----------+-----------+-----------+-----------+-----+-----------+
 *          | reserve   | overflow  | CPU 0     | CPU 1     |     | CPU n - 1 |     each RK_STRIDE bytes, read as
 *          |   item    |   item    |   item    |   item    |     |   item    |     zero (or as `initial`) until
 *          +-----------+-----------+-----------+-----------+-----+-----------+     first written
 *                                   ^ the item's address
 *
 * An item's address is that of its slot 0. So base + (index << shift) is the address of the slot of any index. All threads
 * without rseq share the slot at index -1. The slot at index -2 belongs to the structure that is built on the item. It holds
 * data that isn't per CPU, for example a counter's baseline. A pool only reserves address space. The first write to a page
 * commits that page. Such a write usually runs on the slot's own CPU, so the page is on that CPU's NUMA node. Huge pages are
 * kept away, because one would span several CPUs.
 *
 * The possible CPUs are those in the kernel's list, not those that are online: numbers may be sparse, and CPUs may come and
 * go. Every index up to the highest possible CPU has memory. Indexes in the gaps of a sparse numbering have memory too,
 * because concurrency ids are dense.
 *
 * The kernel's list can be wrong: a container may show another machine's list, and a process may be moved to a larger
 * machine. Then an access at a higher index faults: up to RK_CPUS_MAX no address belongs to anything else. Under a limit on
 * address space (RLIMIT_AS) this holds up to the number of CPUs that the kernel has room for. It holds only up to the
 * highest possible CPU on 32-bit machines, and where that much address space isn't available.
 *
 * Reserved address space isn't memory. It counts only where the kernel counts address space: against RLIMIT_AS, and against
 * RLIMIT_MEMLOCK when a program without CAP_IPC_LOCK calls mlockall(MCL_CURRENT). mlockall(MCL_FUTURE) doesn't fill it. Core
 * dumps leave it out: for a program with one counter, the kernel's core file and gcore's have 1.5 MB each. But gcore reads
 * large items whole, including the memory of unused indexes. With ten large items of 8 MB and two possible CPUs, gcore's
 * file has 337 MB, and the process keeps that much memory afterwards. A pool takes three of the process's 65,530 or so
 * mappings. Each further range takes two, and each large item takes two.
 *
 * Functions that walk mappings take a little longer. With one counter and two possible CPUs, fork() takes 46 us instead of
 * 40. A read of /proc/PID/smaps takes 97 us instead of 89. mlockall(MCL_CURRENT) takes 330 us instead of 250 and locks 1 MB,
 * RK_STRIDE bytes for each index. If a counter is made after mlockall(MCL_CURRENT | MCL_FUTURE), only its adds commit
 * memory.
 *
 * An item of more than RK_STRIDE bytes is a large item. Each of its slots holds a pointer to item_size bytes of memory for
 * that index. The operations that go through a pointer work on that memory (rk_cpu_add_through() and others).
 */
#ifndef RSEQKIT_PERCPU_H
#define RSEQKIT_PERCPU_H

#include <rseqkit/abi.h>
#include <rseqkit/ops.h>

/* The shared slots of an item. */
#define RK_INDEX_OVERFLOW (-1)
#define RK_INDEX_RESERVE (-2)

/* The highest supported CPU number plus one. No kernel configuration has more CPUs. */
#define RK_CPUS_MAX 8192

/* Bytes of the largest item. */
#define RK_PERCPU_ITEM_MAX ((size_t)1 << 30)

/*
 * Flags of struct rk_percpu_options.
 *
 * RK_PERCPU_DEBUG: the pool detects misuse, see rk_percpu_check(). It fills freed items with a pattern, and checks the
 * pattern before it hands out the item again. A guard follows each item. The flag costs memory on every CPU. With
 * RSEQKIT_PERCPU=debug in the environment, all pools of a program have this flag, unless the program is set-user-ID. An item
 * has no guard if less than 16 bytes are left in RK_STRIDE. The memory that a large item points to has neither a guard nor a
 * pattern. With or without the flag, the library tells AddressSanitizer and valgrind which items may be used.
 *
 * RK_PERCPU_CLOSABLE: each slot begins with struct rk_bank_slot, followed by two banks of item_size bytes. So a thread can
 * take the data of another CPU (bank.h). A slot is closed until rk_percpu_open(). The header and both banks have to fit into
 * RK_STRIDE bytes, so an item has at most half of that, less the header. The first such pool registers the process for
 * fences, like rk_fence_prepare() (remote.h). So it is best created while there is one thread. The flag excludes
 * RK_PERCPU_EMPTY_IN_CHILDREN: a child that continues work on a bank would find the bank empty.
 *
 * RK_PERCPU_EMPTY_IN_CHILDREN: in a child of fork all slots of all items read as zero, except the reserve slots, which are
 * the structure's own. The flag excludes initial contents.
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

/* The state of a pool. Sizes are in bytes. */
struct rk_percpu_report {
	size_t items;     /* number of items that are handed out */
	size_t used;      /* bytes of these items at one index: items * item_size */
	size_t reserved;  /* address space that may be written to */
	size_t committed; /* pages that were touched; RK_STATS_UNKNOWN without /proc. A child shares them with its parent */
	uint64_t aborts;    /* of counters (counter.h): repetitions of aborted sections. Other pools have 0 */
	uint64_t overflows; /* of counters: adds to the overflow slot after too many aborts. Adds without rseq aren't counted */
};

#define RK_STATS_UNKNOWN SIZE_MAX

/* The kinds of misuse that rk_percpu_check() reports. Numbers are ABI. */
enum rk_percpu_misuse {
	RK_MISUSE_NONE = 0,
	RK_MISUSE_NOT_AN_ITEM = 1,        /* no item begins there, or one of another pool without RK_PERCPU_DEBUG */
	RK_MISUSE_NOT_ALLOCATED = 2,      /* an item that was freed, or was never handed out */
	RK_MISUSE_WRITTEN_AFTER_FREE = 3, /* a freed item's pattern was changed */
	RK_MISUSE_WRITTEN_PAST_END = 4,   /* the guard behind an item was written to */
	RK_MISUSE_OTHER_POOL = 5          /* an item of another pool with RK_PERCPU_DEBUG; its callers are reported */
};

struct rk_percpu_fault {
	enum rk_percpu_misuse misuse;
	int index;           /* of the slot with the wrong byte */
	ptrdiff_t offset;    /* of the first wrong byte in the slot */
	void *item;          /* slot 0 */
	const void *allocated_by; /* the code that last called rk_percpu_alloc() for the item, or NULL */
	const void *freed_by;     /* the code that last called rk_percpu_free() for the item, or NULL */
};

RKI_BEGIN_DECLS

/*
 * rk_cpus_count() returns how many CPUs are possible. rk_cpus_next() returns the first possible CPU above `after`, or -1 at
 * the end. A loop begins with -1. If the kernel's list can't be read, or the kernel itself contradicts the list, every CPU
 * number that the kernel has room for counts as possible. Concurrency ids are below rk_cpus_count(). So these loops visit
 * all slots by CPU number, and by concurrency id:
 *
 *	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) ...
 *	for (int cid = 0; cid < rk_cpus_count(); cid++) ...
 *
 * The first copy of this library in a process decides which CPUs are possible, and later copies use its set. They do so even
 * where they can't read /sys, for example in a chroot. A copy uses a set of its own if the kernel contradicts the shared set
 * by then. It also does so if nothing can be mapped at the address where copies share the set (RK_CPUS_PAGE_ADDRESS in
 * rseqkit/detail/agreement.h).
 *
 * Context: any thread; after fork; signal handler. Cost: the list is read once, in 20 us.
 * Source: /sys/devices/system/cpu/possible, see the kernel's Documentation/admin-guide/cputopology.rst.
 */
RKI_API int rk_cpus_count(void);
RKI_API int rk_cpus_next(int after);

/*
 * Creates a pool. Its address space comes in ranges of RK_STRIDE bytes for each index. When all ranges are full, the pool
 * adds one.
 *
 * Parameters: size is sizeof(*options), see api.h.
 * Returns 0 and the pool in *pool, or:
 *   -EINVAL  pool or options is NULL, size is 0, an option is out of range, options exclude each other, or a flag is unknown
 *   -E2BIG   this library doesn't know one of the options
 *   -ENOMEM  there is no memory
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: microseconds. The
 * first closable pool of a process that has several threads by then waits for the kernel, some 20 ms.
 */
RKI_API int rk_percpu_create(struct rk_percpu **pool, const struct rk_percpu_options *options, size_t size);

/*
 * Explains why rk_percpu_create() returns -EINVAL or -E2BIG for these options. Returns a sentence in static storage, or NULL
 * if all options are right.
 * Parameters: as rk_percpu_create(). Context: any. Cost: nanoseconds.
 */
RKI_API const char *rk_percpu_options_fault(const struct rk_percpu_options *options, size_t size);

/*
 * Destroys a pool and unmaps its memory. NULL is allowed. No thread may be using an item.
 *
 * Returns 0; -EBUSY while items are allocated, and then nothing happens.
 * Context: as rk_percpu_create().
 */
RKI_API int rk_percpu_destroy(struct rk_percpu *pool);

/*
 * Allocates an item. All slots of the item hold the initial contents, including the overflow slot and the reserve slot. If a
 * process forks while another thread, or the code that the forking signal handler interrupted, allocates or frees an item,
 * the child loses that item.
 *
 * Returns 0 and the address of slot 0 in *item, or:
 *   -EINVAL   pool or item is NULL
 *   -ENOMEM   there is no memory. This also happens when another thread trims the pool at that moment and the address space
 *             has no room for another range
 *   -EUCLEAN  (RK_PERCPU_DEBUG) the freed item that would be handed out was written to. It stays out of use
 * Context: as rk_percpu_create(). Cost: about 0.1 us for a fresh item, which touches no CPU's page. A reused item is
 * rewritten where it differs from the initial contents. Initial contents cost one mapping for each index of each range. When
 * all pools together have 4096 such mappings, further ranges do without. Their items are filled when they are handed out,
 * which commits a page on every CPU. A large item costs a mapping, and a pointer for each index. With initial contents all
 * memory of a large item is committed at once.
 */
RKI_API int rk_percpu_alloc(struct rk_percpu *pool, void **item);

/*
 * Frees an item. NULL is allowed. No thread may be using the item. The pool keeps the memory for the next item, see
 * rk_percpu_trim(). The memory of a large item is unmapped.
 *
 * Returns 0, or:
 *   -EINVAL   it isn't an allocated item of this pool; it may have been freed before. Nothing happens
 *   -EUCLEAN  (RK_PERCPU_DEBUG) the guard behind the item was written to. The item stays allocated
 * rk_percpu_check() says more.
 * Context: as rk_percpu_create(). Cost: 0.1 us, and a nanosecond for each range of the pool (RK_STRIDE bytes of items).
 * Where the process is at its limit of mappings, the address space of a large item stays reserved.
 */
RKI_API int rk_percpu_free(struct rk_percpu *pool, void *item);

/*
 * Gives pages that hold only free items back to the kernel, on all CPUs. The pool keeps such pages until this call or its
 * end. The address space stays reserved. Items that are freed or allocated meanwhile may be missed.
 *
 * Returns 0; -EINVAL when pool is NULL. With RK_PERCPU_DEBUG the call gives nothing back, because the patterns have to stay.
 * Context: as rk_percpu_create(). Cost: a system call for each such page, or each item larger than a page, and each index.
 * If another thread forks meanwhile, the child loses the free items of the page that is being given back. Locked pages are
 * kept.
 */
RKI_API int rk_percpu_trim(struct rk_percpu *pool);

/*
 * Reports the state of the pool. With RK_INDEX_ALL `reserved` and `committed` are sums over all indexes. With one index they
 * are that index's. The other members describe the whole pool in both cases.
 *
 * Parameters: index is one that has memory, or RK_INDEX_ALL. size is sizeof(struct rk_percpu_report) as the caller knows it.
 * The call writes no more than that. Members that this library doesn't know become 0.
 * Returns 0; -EINVAL when pool or stats is NULL, or the index has no memory. A pool that never allocated an item accepts any
 * index.
 * Context: any thread; after fork; not while the pool is destroyed. Cost: openat, close, and a pread64 of the kernel's page
 * map for every 32 pages of each index, in each range and in each large item.
 * Source: /proc/thread-self/pagemap, see the kernel's Documentation/admin-guide/mm/pagemap.rst.
 */
#define RK_INDEX_ALL INT32_MIN
RKI_API int rk_percpu_query(const struct rk_percpu *pool, int index, struct rk_percpu_report *stats, size_t size);

/*
 * Looks for misuse of an item, or of all items of the pool if `item` is NULL. Reports the first misuse that it finds.
 * Guards, patterns and callers exist with RK_PERCPU_DEBUG only. In any pool the call explains why rk_percpu_free() refuses
 * an item.
 *
 * Parameters: size is sizeof(*fault), see api.h; fault may be NULL.
 * Returns 0 if nothing is wrong; 1 and a description in *fault; -EINVAL when pool is NULL, or size is 0 and fault isn't
 * NULL.
 * Context: any thread; after fork; not while a pool with RK_PERCPU_DEBUG is destroyed. An item that is being freed or
 * allocated meanwhile may look misused. Only 128 pools with RK_PERCPU_DEBUG are known. For items of later ones the call
 * reports RK_MISUSE_NOT_AN_ITEM instead of RK_MISUSE_OTHER_POOL. Cost: reads every slot of the items that it checks.
 */
RKI_API int rk_percpu_check(const struct rk_percpu *pool, void *item, struct rk_percpu_fault *fault, size_t size);

/*
 * The two banks of a slot of a closable item. rk_percpu_bank() returns bank 0 or 1, as `which` says. rk_percpu_open() opens
 * a slot with bank 0. Call it when an operation on the slot has returned RK_CLOSED. rk_percpu_spare() returns the bank that
 * isn't in use, for rk_bank_take(). Only the holder of the slot's claim can rely on the result. A spare bank still has old
 * contents, from its last use or from a vector. Clear it before it is passed to rk_bank_take().
 *
 * Returns the bank, or NULL when the pool isn't closable, pool or item is NULL, or `which` is neither 0 nor 1.
 * rk_percpu_spare() also returns NULL while the other bank is still taken (rk_bank_done() ends that). Then rk_bank_take()
 * returns that bank and uses no spare. rk_percpu_open() returns what rk_bank_open_first() returns.
 * Context: any thread; signal handler; after fork. Cost: nanoseconds.
 */
RKI_API void *rk_percpu_bank(const struct rk_percpu *pool, void *item, int index, int which);
RKI_API void *rk_percpu_spare(const struct rk_percpu *pool, void *item, int index);
RKI_API int rk_percpu_open(const struct rk_percpu *pool, void *item, int index);

/*
 * Returns an item's slot for `index`: a possible CPU, a concurrency id, or one of RK_INDEX_*.
 *
 * Context: any. Cost: a shift and an addition.
 */
RKI_INLINE void *rk_percpu_slot(const void *item, int index)
{
	return (void *)((uintptr_t)item + ((uintptr_t)(intptr_t)index << RK_STRIDE_SHIFT));
}

RKI_END_DECLS

#endif /* RSEQKIT_PERCPU_H */
