/* SPDX-License-Identifier: MIT */
/*
 * percpu.h - per-CPU memory: items at the same offset in every CPU's stride of one mapping.
 *
 * Above all: while any thread works on a slot by operations (ops.h), don't write to that slot by plain stores. A plain store
 * can get lost, or can change the slot in the middle of an operation. Free an item only when no thread is in an operation on
 * that item, because the next item may get the same slots.
 *
 *   index     -2          -1          0           1          ...  highest possible CPU
 *          +-----------+-----------+-----------+-----------+-----+-----------+
 *          | reserve   | overflow  | CPU 0     | CPU 1     |     | CPU n - 1 |     RK_STRIDE bytes each; read as
 *          |   item    |   item    |   item    |   item    |     |   item    |     zero (or as `initial`) until
 *          +-----------+-----------+-----------+-----------+-----+-----------+     first written
 *                                   ^ the item's address
 *
 * The address of an item is the address of its slot 0. So (address of the item) + (index << RK_STRIDE_SHIFT) is the address
 * of the slot of an index. All threads without rseq share the slot at index -1. The slot at index -2 holds data that isn't
 * per CPU, for the structure that is built on the item: for example a counter's baseline. A pool only reserves address space.
 * The first write to a page commits that page. The slot's own CPU usually makes the first write, so the page is on the NUMA
 * node of that CPU. A pool uses no huge pages, because a huge page would span the slots of several CPUs.
 *
 * The possible CPUs are the CPUs in the kernel's list, whether they are online or not. Their numbers may be sparse, and CPUs
 * may go online and offline. Every index up to the highest possible CPU has memory. An index that is no CPU's number has
 * memory too, because it may be a concurrency id: concurrency ids are dense.
 *
 * The kernel's list can be wrong: a container may show another machine's list, and a process may be moved to a larger
 * machine. Then an access at an index above the highest possible CPU faults, because the pool reserves the addresses of all
 * indexes below RK_CPUS_MAX. Under a limit on address space (RLIMIT_AS) the pool reserves only the addresses of as many CPUs
 * as the kernel has room for. On 32-bit machines, and if that much address space isn't available, the pool reserves no
 * addresses above the highest possible CPU.
 *
 * Reserved address space isn't memory. It counts against RLIMIT_AS. It also counts against RLIMIT_MEMLOCK if a program
 * without CAP_IPC_LOCK calls mlockall(MCL_CURRENT). mlockall(MCL_FUTURE) doesn't commit reserved address space. Core dumps
 * don't contain it: for a program with one counter, the kernel's core file has 1.5 MB, and so has the core file of gcore. But
 * gcore reads the whole memory of large items, including the memory of unused indexes. With ten large items of 8 MB and two
 * possible CPUs, the core file of gcore has 337 MB, and that memory stays committed in the process. A process has about
 * 65,530 mappings. A pool takes three of them. Each range after the first takes two more, and each large item takes two.
 *
 * System calls that go through all mappings take a little longer. With one counter and two possible CPUs, fork() takes 46 us
 * instead of 40. A read of /proc/PID/smaps takes 97 us instead of 89. mlockall(MCL_CURRENT) takes 330 us instead of 250 and
 * locks 1 MB: RK_STRIDE bytes for each index. If a counter is created after mlockall(MCL_CURRENT | MCL_FUTURE), only adds to
 * the counter commit memory.
 *
 * An item of more than RK_STRIDE bytes is a large item. Each of its slots holds a pointer to item_size bytes of memory for
 * that index. To work on that memory, use the operations that go through a pointer (rk_cpu_add_through() and others).
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
 * RK_PERCPU_DEBUG: the pool detects misuse, see rk_percpu_check(). It fills a freed item with a pattern, and checks the
 * pattern before it hands out that item again. After each item comes a guard. The flag costs memory on every CPU. With
 * RSEQKIT_PERCPU=debug in the environment, all pools of a program have this flag, unless the program is set-user-ID. If an
 * item leaves less than 16 bytes of RK_STRIDE, it has no guard. The memory that a large item points to has neither a guard
 * nor a pattern. With or without the flag, the library tells AddressSanitizer and valgrind which items may be used.
 *
 * RK_PERCPU_CLOSABLE: each slot begins with a header, struct rk_bank_slot, followed by two banks of item_size bytes. So a
 * thread can take the data of another CPU (bank.h). A slot is closed until rk_percpu_open(). The header and both banks have
 * to fit into RK_STRIDE bytes. So item_size is at most half of the bytes that the header leaves. The first closable pool
 * registers the process for fences, like rk_fence_prepare() (remote.h). Create that pool while the process has one thread,
 * because otherwise the registration waits for the kernel. The flag excludes RK_PERCPU_EMPTY_IN_CHILDREN: a child that
 * continues work on a bank would find the bank empty.
 *
 * RK_PERCPU_EMPTY_IN_CHILDREN: in a child of fork all slots of all items read as zero, except the reserve slots. A child
 * inherits the reserve slots. The flag excludes initial contents.
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
	size_t committed; /* in memory or swap; RK_STATS_UNKNOWN without /proc. Pages that parent and child share count in both */
	uint64_t aborts;    /* for counters (counter.h): repetitions of aborted sections. In other pools 0 */
	uint64_t overflows; /* for counters: adds to the overflow slot after too many aborts. Adds without rseq aren't counted */
};

#define RK_STATS_UNKNOWN SIZE_MAX

/* The kinds of misuse that rk_percpu_check() reports. Numbers are ABI. */
enum rk_percpu_misuse {
	RK_MISUSE_NONE = 0,
	RK_MISUSE_NOT_AN_ITEM = 1,        /* no item begins there, or an item of another pool that has no RK_PERCPU_DEBUG */
	RK_MISUSE_NOT_ALLOCATED = 2,      /* an item that was freed, or was never handed out */
	RK_MISUSE_WRITTEN_AFTER_FREE = 3, /* a freed item's pattern was changed */
	RK_MISUSE_WRITTEN_PAST_END = 4,   /* the guard behind an item was written to */
	RK_MISUSE_OTHER_POOL = 5          /* an item of another pool that has RK_PERCPU_DEBUG; the callers are reported */
};

struct rk_percpu_fault {
	enum rk_percpu_misuse misuse;
	int index;           /* index of the slot that has the wrong byte */
	ptrdiff_t offset;    /* of the first wrong byte, from the slot's beginning */
	void *item;          /* address of the item's slot 0 */
	const void *allocated_by; /* the code that last called rk_percpu_alloc() for the item, or NULL */
	const void *freed_by;     /* the code that last called rk_percpu_free() for the item, or NULL */
};

RKI_BEGIN_DECLS

/*
 * rk_cpus_count() returns how many CPUs are possible. rk_cpus_next() returns the lowest possible CPU above `after`, or -1 if
 * there is none. Begin a loop with -1. The kernel's list doesn't count if it can't be read, or if the kernel lets a thread
 * run on a CPU that isn't in the list. Then every CPU number that the kernel has room for is possible. All concurrency ids
 * are below rk_cpus_count(). So the first of these loops visits all slots by CPU number, and the second one visits all slots
 * by concurrency id:
 *
 *	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) ...
 *	for (int cid = 0; cid < rk_cpus_count(); cid++) ...
 *
 * The first copy of this library in a process decides which CPUs are possible. Later copies use the set of that copy, even if
 * they can't read /sys, for example in a chroot. There are two exceptions. A later copy uses a set of its own if the kernel
 * lets a thread run on a CPU outside of the shared set. Each copy uses a set of its own if nothing can be mapped at the
 * address where copies share the set (RK_CPUS_PAGE_ADDRESS in rseqkit/detail/agreement.h).
 *
 * Context: any thread; after fork; signal handler. Cost: the first call reads the list, in 20 us. Later calls take
 * nanoseconds.
 * Source: /sys/devices/system/cpu/possible, see the kernel's Documentation/admin-guide/cputopology.rst.
 */
RKI_API int rk_cpus_count(void);
RKI_API int rk_cpus_next(int after);

/*
 * Creates a pool. A pool's address space consists of ranges. A range has RK_STRIDE bytes for each index. When all ranges are
 * full, the pool adds a range.
 *
 * Parameters: size is sizeof(*options), see api.h.
 * Returns 0 and the pool in *pool, or:
 *   -EINVAL  pool or options is NULL, size is 0, an option is out of range, options exclude each other, or a flag is unknown
 *   -E2BIG   this library doesn't know one of the options
 *   -ENOMEM  there is no memory
 * Context: any thread; signal handler; after fork; not under asynchronous cancellation (api.h). Cost: microseconds. If the
 * process already has several threads when its first closable pool is created, the call waits for the kernel, some 20 ms.
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
 * Returns 0; -EBUSY while items are allocated. After -EBUSY the pool is unchanged.
 * Context: as rk_percpu_create().
 */
RKI_API int rk_percpu_destroy(struct rk_percpu *pool);

/*
 * Allocates an item. All slots of the item, including the overflow slot and the reserve slot, hold the initial contents. If a
 * process forks while another thread allocates or frees an item, the child loses that item. The child also loses the item if
 * a signal handler forks and has interrupted code that allocates or frees it.
 *
 * Returns 0 and the address of slot 0 in *item, or:
 *   -EINVAL   pool or item is NULL
 *   -ENOMEM   there is no memory. The call also returns this if another thread trims the pool at that moment, and the address
 *             space has no room for another range
 *   -EUCLEAN  (RK_PERCPU_DEBUG) a thread wrote to the freed item that would be handed out. The pool never hands out that item
 *             again
 * Context: as rk_percpu_create(). Cost: about 0.1 us for a fresh item, which touches no CPU's page. For a reused item the
 * call compares each slot with the initial contents, and rewrites a slot that differs. In a pool with initial contents, each
 * range takes one mapping for each index. When all pools together have 4096 such mappings, later ranges have none. Then the
 * call fills each item with the initial contents, which commits a page on every CPU. For a large item the call maps memory,
 * and stores a pointer for each index. If the pool has initial contents, all memory of a large item is committed at once.
 */
RKI_API int rk_percpu_alloc(struct rk_percpu *pool, void **item);

/*
 * Frees an item. NULL is allowed. No thread may be using the item. The pool keeps the memory for the next item until
 * rk_percpu_trim(). The memory that a large item points to is unmapped.
 *
 * Returns 0, or:
 *   -EINVAL   `item` isn't an allocated item of this pool; possibly it was freed before. The call changes nothing
 *   -EUCLEAN  (RK_PERCPU_DEBUG) the guard behind the item was written to. The item stays allocated
 * rk_percpu_check() describes the misuse.
 * Context: as rk_percpu_create(). Cost: 0.1 us, and a nanosecond for each range of the pool (RK_STRIDE bytes of items). If
 * the process is at its limit of mappings, the address space of a large item stays reserved.
 */
RKI_API int rk_percpu_free(struct rk_percpu *pool, void *item);

/*
 * Gives pages that hold only free items back to the kernel, on all CPUs. Without this call the pool keeps such pages until it
 * is destroyed. The address space stays reserved. The call possibly misses items that are freed or allocated meanwhile.
 *
 * Returns 0; -EINVAL when pool is NULL. With RK_PERCPU_DEBUG the call gives nothing back, because the pool has to keep the
 * patterns of freed items.
 * Context: as rk_percpu_create(). Cost: one system call at each index for each such page; for items larger than a page, one
 * at each index for each free item. If another thread forks meanwhile, the child loses the free items of the page that the
 * call gives back at that moment. The call doesn't give back locked pages.
 */
RKI_API int rk_percpu_trim(struct rk_percpu *pool);

/*
 * Reports the state of the pool. With RK_INDEX_ALL the members `reserved` and `committed` are sums over all indexes. With
 * another index `reserved` and `committed` are the values of that index. All other members describe the whole pool in both
 * cases.
 *
 * Parameters: index is an index that has memory, or RK_INDEX_ALL. size is sizeof(struct rk_percpu_report) in the caller's
 * headers. The call writes at most `size` bytes. Members that this library doesn't know become 0.
 * Returns 0; -EINVAL when pool or stats is NULL, or the index has no memory. For a pool that never allocated an item, any
 * index is allowed.
 * Context: any thread; after fork; not while the pool is destroyed. Cost: the system calls openat and close, and one pread64
 * of the kernel's page map for every 32 pages. These pages are the pages of each index that the call reports, in each range
 * and in each large item.
 * Source: /proc/thread-self/pagemap, see the kernel's Documentation/admin-guide/mm/pagemap.rst.
 */
#define RK_INDEX_ALL INT32_MIN
RKI_API int rk_percpu_query(const struct rk_percpu *pool, int index, struct rk_percpu_report *stats, size_t size);

/*
 * Checks an item for misuse, or all items of the pool if `item` is NULL. Reports the first misuse that the check finds.
 * Guards, patterns and callers exist with RK_PERCPU_DEBUG only. For any pool the call explains why rk_percpu_free() returned
 * -EINVAL for an item.
 *
 * Parameters: size is sizeof(*fault), see api.h; fault may be NULL.
 * Returns 0 if there is no misuse, or 1 and a description of the misuse in *fault. Returns -EINVAL when pool is NULL, or when
 * size is 0 and fault isn't NULL.
 * Context: any thread; after fork; not while a pool with RK_PERCPU_DEBUG is destroyed. If an item is freed or allocated
 * meanwhile, the call possibly reports misuse of that item. The library records only 128 pools with RK_PERCPU_DEBUG. For
 * items of further pools the call reports RK_MISUSE_NOT_AN_ITEM instead of RK_MISUSE_OTHER_POOL.
 * Cost: the call reads every slot of the items that it checks.
 */
RKI_API int rk_percpu_check(const struct rk_percpu *pool, void *item, struct rk_percpu_fault *fault, size_t size);

/*
 * The two banks of a slot of a closable item. rk_percpu_bank() returns bank number `which`, 0 or 1. rk_percpu_open() opens a
 * slot with bank 0. Call rk_percpu_open() when an operation on the slot has returned RK_CLOSED. rk_percpu_spare() returns the
 * bank that isn't in use, for rk_bank_take(). Call rk_percpu_spare() only while the thread holds the slot's claim. Otherwise
 * the result may be outdated. A spare bank still has old contents, from its last use or from a vector. Clear the spare bank
 * before it is passed to rk_bank_take().
 *
 * Returns the bank, or NULL when the pool isn't closable, pool or item is NULL, or `which` is neither 0 nor 1.
 * rk_percpu_spare() also returns NULL while a bank of the slot is taken, which is until rk_bank_done(). Then rk_bank_take()
 * returns the taken bank, and needs no spare. rk_percpu_open() returns the result of rk_bank_open_first().
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
