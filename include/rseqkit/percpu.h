/* SPDX-License-Identifier: MIT */
/*
 * percpu.h - per-CPU memory: pools of items. An item has a slot for each CPU, at the same offset in each CPU's RK_STRIDE
 * bytes.
 *
 * Above all: while any thread works on a slot by operations (ops.h), don't write to that slot by plain stores. A plain store
 * can get lost, or can change the slot in the middle of an operation. Free an item only when no thread is in an operation on
 * that item, because a later rk_percpu_alloc() can return the same slots.
 *
 *   index     -2          -1          0           1          ...  highest possible CPU
 *          +-----------+-----------+-----------+-----------+-----+-----------+
 *          | reserve   | overflow  | CPU 0     | CPU 1     |     | CPU n - 1 |     RK_STRIDE bytes each; read as
 *          |   item    |   item    |   item    |   item    |     |   item    |     zero (or as `initial`) until
 *          +-----------+-----------+-----------+-----------+-----+-----------+     first written
 *                                   ^ the item's address
 *
 * The address of an item is the address of its slot 0. The address of the slot at an index is therefore (address of the item) +
 * (index << RK_STRIDE_SHIFT). All threads without rseq share the slot at index -1. The slot at index -2 is for data that isn't
 * per CPU: for example, a counter keeps its baseline in this slot. A pool only reserves address space. The first write to a
 * page commits that page. Usually a thread on the slot's own CPU makes this first write, so the page is on the NUMA node of
 * that CPU. A pool uses no huge pages, because a huge page would span the slots of several CPUs.
 *
 * The possible CPUs are the CPUs in the kernel's list of possible CPUs, whether they are online or not. CPUs can go online
 * and offline, and the numbers of possible CPUs can have gaps. Every index up to the highest possible CPU has memory, even if
 * the index is in a gap. The reason is that indexes can also be concurrency ids, which have no gaps.
 *
 * The kernel's list can be wrong: a container can show another machine's list, and a process can be moved to a larger machine.
 * In both cases a thread can run on a CPU whose number is above the highest possible CPU. An access at this CPU's index faults
 * instead of reaching other memory. For this purpose the pool reserves the addresses of all indexes below 256, and of all CPU
 * numbers that fit into the kernel's CPU masks. These are all numbers that this kernel can have. A process that can be moved
 * to another kernel with more CPUs while it runs (checkpoint and restore) is started with RSEQKIT_PERCPU=all-cpus in its
 * environment. The pool then reserves the addresses of all indexes below RK_CPUS_MAX, 2 GB. If address space is limited
 * (RLIMIT_AS), the pool reserves addresses only for the kernel's CPU masks, at most a sixteenth of the limit. If these
 * addresses are too many, or the kernel refuses them, or on 32-bit machines, the pool reserves no addresses above the highest
 * possible CPU.
 *
 * Reserved address space isn't memory, but counts against RLIMIT_AS. If a program without CAP_IPC_LOCK calls
 * mlockall(MCL_CURRENT), reserved address space also counts against RLIMIT_MEMLOCK. mlockall(MCL_FUTURE) doesn't commit
 * reserved address space. Core dumps don't contain reserved address space: for a program with one counter, the kernel and
 * gdb's gcore each write a core file of 1.5 MB. But gcore reads the whole memory of large items, including the memory of
 * unused indexes. For ten large items of 8 MB and two possible CPUs, gcore writes a core file of 337 MB. The memory that
 * gcore has read stays committed in the process. A process can have about 65,530 mappings. A pool takes three mappings. Each
 * range after the pool's first range takes two more, and each large item takes two. Counters, groups, histograms, peaks, levels
 * and locks share their first 66 MB of address space, if their slots have at most 4 KiB.
 *
 * System calls that go through all mappings take a little longer. With one counter and two possible CPUs, fork() takes 46 us
 * instead of 40. A read of /proc/PID/smaps takes 97 us instead of 89. mlockall(MCL_CURRENT) takes 330 us instead of 250 and
 * locks 1 MB: RK_STRIDE bytes for each index. If a counter is created after mlockall(MCL_CURRENT | MCL_FUTURE), the creation
 * commits no memory. Memory is committed when threads add to the counter.
 *
 * An item of more than RK_STRIDE bytes is a large item. Each of its slots holds a pointer to item_size bytes of memory for
 * that index. To work on that memory, use the operations that go through a pointer (rk_cpu_add_through() and others).
 */
#ifndef RSEQKIT_PERCPU_H
#define RSEQKIT_PERCPU_H

#include <rseqkit/slot.h>

/* The indexes of an item's two shared slots. */
#define RK_INDEX_OVERFLOW (-1)
#define RK_INDEX_RESERVE (-2)

/* The highest supported CPU number plus one. No kernel configuration has more CPUs. */
#define RK_CPUS_MAX 8192

/* Bytes of the largest item. */
#define RK_PERCPU_ITEM_MAX ((size_t)1 << 30)

/*
 * Flags of struct rk_percpu_options.
 *
 * RK_PERCPU_DEBUG: the pool detects misuse, see rk_percpu_check(). The pool fills a freed item with a pattern, and checks the
 * pattern before the item is allocated again. After each slot of an item comes a guard of 16 bytes. A slot of more than
 * RK_STRIDE - 16 bytes has no guard. The memory that a large item points to has neither a guard nor a pattern. The flag costs
 * memory on every CPU. If the environment contains RSEQKIT_PERCPU=debug, all pools of a program have this flag. This doesn't
 * apply to set-user-ID programs. Even without the flag, the library tells AddressSanitizer and valgrind which items are
 * allocated.
 *
 * RK_PERCPU_CLOSABLE: each slot has a header, struct rk_bank_slot, and after the header two banks of item_size bytes. Because
 * there are two banks, a thread can take the data of another CPU (bank.h). A slot is closed until rk_percpu_open() opens the
 * slot. The header and both banks have to fit into RK_STRIDE bytes, so item_size is at most half of (RK_STRIDE - size of the
 * header). When a process creates its first closable pool, the call registers the process for fences, like rk_fence_prepare()
 * (remote.h). Create that pool while the process has only one thread. Otherwise the registration waits for the kernel. The flag
 * can't be combined with RK_PERCPU_EMPTY_IN_CHILDREN: a child that continues work on a bank would find the bank empty.
 *
 * RK_PERCPU_EMPTY_IN_CHILDREN: in a child of fork all slots of all items read as zero, except the reserve slots. A child
 * inherits the contents of the reserve slots. The flag can't be combined with initial contents.
 */
#define RK_PERCPU_DEBUG 1u
#define RK_PERCPU_CLOSABLE 2u
#define RK_PERCPU_EMPTY_IN_CHILDREN 4u

struct rk_percpu; /* a pool of items of one size */

struct rk_percpu_options {
	size_t item_size;    /* bytes, 1 to RK_PERCPU_ITEM_MAX */
	size_t alignment;    /* bytes, a power of two from 1 to 4096; 0 means 8 */
	const void *initial; /* item_size bytes, the initial contents of each slot; NULL means zeros */
	unsigned flags;      /* RK_PERCPU_* */
};

/* The state of a pool. Sizes are in bytes. */
struct rk_percpu_report {
	size_t items;     /* number of allocated items */
	size_t used;      /* bytes of the allocated items at one index: items * item_size */
	size_t reserved;  /* address space that the program can write to */
	size_t committed; /* in memory or swap; RK_STATS_UNKNOWN without /proc. Parent and child both count a shared page */
	uint64_t aborts;    /* in the pool of counters (counter.h): how often aborted sections were repeated. In other pools 0 */
	uint64_t overflows; /* in the pool of counters: adds to the overflow slot after too many aborts (not adds without rseq) */
};

#define RK_STATS_UNKNOWN SIZE_MAX

/* The kinds of misuse that rk_percpu_check() reports. Numbers are ABI. */
enum rk_percpu_misuse {
	RK_MISUSE_NONE = 0,
	RK_MISUSE_NOT_AN_ITEM = 1,        /* no item of this pool, or of a pool with RK_PERCPU_DEBUG, begins at the address */
	RK_MISUSE_NOT_ALLOCATED = 2,      /* the item was freed, or was never allocated */
	RK_MISUSE_WRITTEN_AFTER_FREE = 3, /* a freed item's pattern was changed */
	RK_MISUSE_WRITTEN_PAST_END = 4,   /* the guard after an item was written to */
	RK_MISUSE_OTHER_POOL = 5          /* another pool with RK_PERCPU_DEBUG has the item; allocated_by and freed_by are set */
};

struct rk_percpu_fault {
	enum rk_percpu_misuse misuse;
	int index;           /* index of the slot that has the wrong byte */
	ptrdiff_t offset;    /* offset of the first wrong byte from the slot's beginning */
	void *item;          /* address of the item's slot 0 */
	const void *allocated_by; /* the code that last called rk_percpu_alloc() for the item, or NULL */
	const void *freed_by;     /* the code that last called rk_percpu_free() for the item, or NULL */
};

RKI_BEGIN_DECLS

/*
 * rk_cpus_count() returns how many CPUs are possible. rk_cpus_next() returns the lowest possible CPU above `after`, or -1 if
 * there is none. Begin a loop with rk_cpus_next(-1). The library doesn't use the kernel's list if the list can't be read, or
 * if the kernel lets a thread run on a CPU that isn't in the list. In both cases every CPU number that fits into the kernel's
 * CPU masks is possible. All concurrency ids are below rk_cpus_count(). The first of the following loops visits all slots
 * that are used by CPU number. The second loop visits all slots that are used by concurrency id:
 *
 *	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) ...
 *	for (int cid = 0; cid < rk_cpus_count(); cid++) ...
 *
 * The first copy of this library in a process decides which CPUs are possible, and shares this set with later copies. A later
 * copy uses the shared set even if it can't read /sys, for example in a chroot. There are two exceptions. A later copy uses a
 * set of its own if the kernel lets a thread run on a CPU that isn't in the shared set. Each copy uses a set of its own if
 * nothing can be mapped at the address where copies share the set (RK_CPUS_PAGE_ADDRESS in rseqkit/detail/agreement.h).
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
 * Destroys a pool and unmaps its memory. NULL is allowed. Call the function only while no thread uses an item of the pool.
 *
 * Returns 0; -EBUSY while items are allocated. After -EBUSY the pool is unchanged.
 * Context: as rk_percpu_create(). Cost: microseconds, for unmapping.
 */
RKI_API int rk_percpu_destroy(struct rk_percpu *pool);

/*
 * Allocates an item. All slots of the item, including the overflow slot and the reserve slot, hold the initial contents. If a
 * process forks while another thread allocates or frees an item, the child loses that item. The child also loses the item if
 * a signal handler forks and has interrupted code that allocates or frees the item.
 *
 * Returns 0 and the address of slot 0 in *item, or:
 *   -EINVAL   pool or item is NULL
 *   -ENOMEM   there is no memory. The call also returns -ENOMEM if another thread trims the pool during the call, and the
 *             address space has no room for another range
 *   -EUCLEAN  (RK_PERCPU_DEBUG) the call found a free item to which a thread had written after the item was freed. The pool
 *             never allocates that item again
 * Context: as rk_percpu_create(). Cost: about 0.1 us for a fresh item; the call touches none of the item's pages. For a
 * reused item the call compares each slot with the initial contents, and rewrites a slot that differs. In a pool with initial
 * contents, each range takes one mapping for each index. When all pools together have 4096 such mappings, later ranges get no
 * such mapping. In these ranges the call stores the initial contents in each slot of the item, which commits a page for every
 * index. For a large item the call maps memory, and stores a pointer for each index. If the pool has initial contents, the
 * call also commits all memory of a large item.
 */
RKI_API int rk_percpu_alloc(struct rk_percpu *pool, void **item);

/*
 * Frees an item. NULL is allowed. Call the function only while no thread uses the item. The pool keeps the item's memory for
 * later items until rk_percpu_trim(). But the call unmaps the memory that a large item points to.
 *
 * Returns 0, or:
 *   -EINVAL   `item` isn't an allocated item of this pool; `item` can have been freed before. The call changes nothing
 *   -EUCLEAN  (RK_PERCPU_DEBUG) the guard after the item was written to. The item stays allocated
 * rk_percpu_check() describes the misuse.
 * Context: as rk_percpu_create(). Cost: 0.1 us, plus 1 ns for each range of the pool (rk_percpu_create()). If the process has
 * reached its limit of mappings, the address space of a large item stays reserved.
 */
RKI_API int rk_percpu_free(struct rk_percpu *pool, void *item);

/*
 * Gives the kernel back those pages that hold only free items, at all indexes. Without this call a pool keeps such pages until
 * the pool is destroyed. The address space stays reserved. The call can miss pages with items that other threads free or
 * allocate during the call.
 *
 * Returns 0; -EINVAL when pool is NULL. With RK_PERCPU_DEBUG the call returns no pages, because the pool has to keep the
 * patterns of freed items. Context: as rk_percpu_create(). Cost: for each page that the call returns, one system call for
 * each index. If items are larger than a page, the call returns all pages of a free item together, by one system call for each
 * index. If another thread forks during the call, the child loses the free items of the page that the call is returning at the
 * fork. The call doesn't return locked pages.
 */
RKI_API int rk_percpu_trim(struct rk_percpu *pool);

/*
 * Reports the state of the pool. With RK_INDEX_ALL the members `reserved` and `committed` are sums over all indexes. With
 * another index `reserved` and `committed` are the values of that index. The other members always describe the whole pool.
 *
 * Parameters: index is an index that has memory, or RK_INDEX_ALL. size is sizeof(struct rk_percpu_report) in the caller's
 * headers. The call writes at most `size` bytes. Members that this library doesn't know become 0.
 * Returns 0; -EINVAL when pool or stats is NULL, or the index has no memory. For a pool that never allocated an item, any
 * index is allowed.
 * Context: any thread; after fork; not while the pool is destroyed. The call blocks signals, because a thread that is
 * cancelled would leave a file descriptor open. Cost: four system calls (openat, close, twice rt_sigprocmask), and one pread64
 * of the kernel's page map for every 32 pages. For each index that the call reports, the call looks at RK_STRIDE bytes of
 * each range and at the memory of each large item.
 * Source: /proc/thread-self/pagemap, see the kernel's Documentation/admin-guide/mm/pagemap.rst.
 */
#define RK_INDEX_ALL INT32_MIN
RKI_API int rk_percpu_query(const struct rk_percpu *pool, int index, struct rk_percpu_report *stats, size_t size);

/*
 * Checks one item for misuse. If `item` is NULL, checks all items of the pool. Reports the first misuse that the check finds.
 * Only pools with RK_PERCPU_DEBUG have guards and patterns, and record callers. For each pool, even without RK_PERCPU_DEBUG,
 * the call explains why rk_percpu_free() returned -EINVAL for an item.
 *
 * Parameters: size is sizeof(*fault), see api.h. `fault` can be NULL.
 * Returns 0 if there is no misuse, or 1 and a description of the misuse in *fault. Returns -EINVAL when pool is NULL, or when
 * size is 0 and fault isn't NULL.
 * Context: any thread; after fork; not while a pool with RK_PERCPU_DEBUG is destroyed. If another thread frees or allocates an
 * item during the call, the call can report misuse of that item. The library records only 128 pools with RK_PERCPU_DEBUG. For
 * items of further pools the call reports RK_MISUSE_NOT_AN_ITEM instead of RK_MISUSE_OTHER_POOL.
 * Cost: the call reads every slot of the items that it checks.
 */
RKI_API int rk_percpu_check(const struct rk_percpu *pool, void *item, struct rk_percpu_fault *fault, size_t size);

/*
 * Each slot of a closable item has two banks. rk_percpu_bank() returns bank number `which`, 0 or 1. rk_percpu_open() opens a
 * slot with bank 0. Call rk_percpu_open() when an operation on the slot has returned RK_CLOSED. rk_percpu_spare() returns the
 * spare bank, which isn't in use. Call rk_percpu_spare() only while the thread holds the slot's claim (remote.h). Otherwise the
 * result can be outdated. A spare bank still has old contents, from its last use or from a vector operation (vector.h). Clear
 * the spare bank before you pass it to rk_bank_take().
 *
 * rk_percpu_bank() and rk_percpu_spare() return the bank, or NULL when the pool isn't closable, pool or item is NULL, or
 * `which` is neither 0 nor 1. rk_percpu_spare() also returns NULL while a bank of the slot is taken: from rk_bank_take() to
 * rk_bank_done(), and after that if the bank's fence failed. While a bank is taken, rk_bank_take() returns that bank again,
 * and needs no spare bank. rk_percpu_open() returns the result of rk_bank_open_first().
 * Context: any thread; signal handler; after fork. Cost: nanoseconds.
 */
RKI_API void *rk_percpu_bank(const struct rk_percpu *pool, void *item, int index, int which);
RKI_API void *rk_percpu_spare(const struct rk_percpu *pool, void *item, int index);
RKI_API int rk_percpu_open(const struct rk_percpu *pool, void *item, int index);

/*
 * Returns the address of an item's slot at `index`: a possible CPU, a concurrency id, RK_INDEX_OVERFLOW or RK_INDEX_RESERVE.
 *
 * Context: any. Cost: a shift and an addition.
 */
RKI_INLINE void *rk_percpu_slot(const void *item, int index)
{
	return (void *)((uintptr_t)item + ((uintptr_t)(intptr_t)index << RK_STRIDE_SHIFT));
}

RKI_END_DECLS

#endif /* RSEQKIT_PERCPU_H */
