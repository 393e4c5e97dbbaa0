/* SPDX-License-Identifier: MIT */
/*
 * percpu_range.c - creates the ranges of address space in which the items of a per-CPU pool are. An item has a slot for each
 * index: for each CPU, and for the numbers -1 and -2 (percpu_range.h). This is a range:
 *
 *   | head: struct range, sets | -2 | -1 | 0 | 1 | ... | highest | no access, up to the highest index there can be |
 *
 * A range has a head, and then a stride of RK_STRIDE bytes for each index. A stride has the slots of all items of the range for
 * this index. The invariant: an item's slots are never accessed before their first use. A page is therefore committed when a
 * CPU first writes to it, and its memory is near that CPU. Initial zeros come with anonymous memory. Other initial contents
 * come from a memory file that holds one stride of items. The file is mapped privately over every stride: a page that is only
 * read is shared, and a page that is written is copied. If memory files don't work, or if there are too many mappings already,
 * items get their initial contents when they are allocated.
 *
 * If a CPU isn't in the list of possible CPUs, its index may have no memory. The slots of such an index are then at
 * inaccessible addresses, and not in another range.
 *
 * Huge pages are disabled, because a huge page would span the strides of several CPUs. After the highest index a range reserves
 * inaccessible addresses for each CPU number that fits into this kernel's CPU masks, and for at least INDEXES_MIN. If the program
 * was started with RSEQKIT_PERCPU=all-cpus, a range reserves addresses for all CPU numbers that any kernel has, 2 GiB in all. A
 * process that is moved to a larger machine then faults instead of accessing other memory.
 *
 * A program with one counter and two groups would have three ranges. Ranges of 66 MB each look wrong in statistics of memory. The
 * first ranges of the library's own pools are therefore slices of one mapping:
 *
 *   | slices for -2 | slices for -1 | slices for 0 | 1 | ... | highest | no access |
 *   | A B C ... H   | A B C ... H   | A B C ... H  |                                  pool A has the first slice of each stride
 */
#define _GNU_SOURCE
#include "percpu.h"

#include <string.h>
#include <sys/mman.h>
#include "os/choice.h"
#include "os/cpus.h"
#include "os/kernel.h"
#include "percpu_tell.h"

/* A process can have about 65,000 mappings. The initial contents of all pools together use at most TEMPLATES_MAX of these. */
#define TEMPLATES_MAX 4096

static int templates; /* number of mappings that provide initial contents, in all pools */

void *rk_map(size_t size)
{
	int saved = errno;
	void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	errno = saved;
	return mapping == MAP_FAILED ? NULL : mapping;
}

size_t rk_range_head(const struct rk_percpu *pool)
{
	size_t page = rk_page_size();
	size_t size = sizeof(struct range) + SETS * rk_words_per_set(pool->per_range) * sizeof(unsigned long);

	if (pool->flags & RK_PERCPU_DEBUG)
		size += CALLERS * pool->per_range * sizeof(void *);
	return (size + page - 1) & ~(page - 1);
}

static size_t strides(int indexes)
{
	return (size_t)(indexes + SHARED_INDEXES) << RK_STRIDE_SHIFT;
}

static char *stride_of(const struct range *range, int index)
{
	return rk_percpu_slot(range->slot0, index);
}

#define INDEXES_MIN 256 /* with these, a range has 66 MB */
#define SPACE_PART 16 /* with a limit on address space, a range reserves at most this part of it for indexes without memory */

/*
 * Returns the number of indexes for which to reserve addresses. If the process's address space is limited, or if the pool limits
 * the size of its ranges (`most`), returns the number of CPUs that this kernel supports. If pointers have 32 bits, or the
 * addresses would be too large a part of the limit, returns 0. In that case only indexes with memory have addresses.
 */
static int indexes_to_reserve(const struct rk_percpu *pool)
{
	bool unlimited = false;
	struct {
		uint64_t now, most;
	} limit = {UINT64_MAX, UINT64_MAX};
	int indexes = INTPTR_MAX == INT64_MAX ? rk_cpus_room() : 0;

	if (INTPTR_MAX == INT64_MAX && pool->most == 0 && RK_SYSCALL(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit) == 0)
		unlimited = limit.now == UINT64_MAX;
	if (unlimited && rk_all_cpus_chosen())
		return RK_CPUS_MAX;
	if (unlimited && indexes < INDEXES_MIN)
		indexes = INDEXES_MIN;
	return strides(indexes) > limit.now / SPACE_PART ? 0 : indexes;
}

/* Reserves addresses that are inaccessible. Returns NULL if the kernel refuses. */
static void *reserve(size_t size)
{
	void *mapping = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return mapping == MAP_FAILED ? NULL : mapping;
}

/* Makes reserved memory accessible. */
static bool make_accessible(void *from, size_t size)
{
	return mprotect(from, size, PROT_READ | PROT_WRITE) == 0;
}

static bool is_filled(const char *slot, size_t size, unsigned char with)
{
	return (unsigned char)slot[0] == with && memcmp(slot, slot + 1, size - 1) == 0;
}

bool rk_slot_is_fresh(const struct rk_percpu *pool, const char *slot)
{
	const char *banks = slot + pool->bank_offset;

	if (!pool->has_initial || pool->is_large)
		return is_filled(slot, pool->slot_size, 0);
	if (!(pool->flags & RK_PERCPU_CLOSABLE))
		return memcmp(slot, pool->initial, pool->item_size) == 0;
	return is_filled(slot, pool->bank_offset, 0) && memcmp(banks, pool->initial, pool->item_size) == 0 &&
	       memcmp(banks + pool->bank_size, pool->initial, pool->item_size) == 0;
}

void rk_slot_reset(const struct rk_percpu *pool, char *slot)
{
	char *banks = slot + pool->bank_offset;

	if (!pool->has_initial || pool->is_large) {
		memset(slot, 0, pool->slot_size);
	} else if (!(pool->flags & RK_PERCPU_CLOSABLE)) {
		memcpy(slot, pool->initial, pool->item_size);
	} else {
		memset(slot, 0, pool->bank_offset);
		memcpy(banks, pool->initial, pool->item_size);
		memcpy(banks + pool->bank_size, pool->initial, pool->item_size);
	}
}

/*
 * Makes a template, a memory file with one stride of items that have the initial contents. Returns the file's descriptor, or
 * -1 on failure.
 */
static int make_template(const struct rk_percpu *pool)
{
	char *stride;
	int fd;

	if (!rk_kernel_file_may_have(RK_STRIDE))
		return -1;
	fd = memfd_create("rseqkit-initial", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	stride = ftruncate(fd, (off_t)RK_STRIDE) == 0 ?
			 mmap(NULL, RK_STRIDE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) :
			 MAP_FAILED;
	if (stride == MAP_FAILED) {
		(void)RK_SYSCALL(SYS_close, fd);
		return -1;
	}
	for (size_t i = 0; i < pool->per_range; i++)
		rk_slot_reset(pool, stride + i * pool->spacing);
	(void)munmap(stride, RK_STRIDE);
	return fd;
}

/* Maps `count` strides over the reserved addresses, from the stride of `index` on. The strides aren't accessible yet. */
static bool map_stride(const struct range *range, int index, int flags, int fd, int count)
{
	return mmap(stride_of(range, index), (size_t)count << RK_STRIDE_SHIFT, PROT_NONE,
		    MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | flags, fd, 0) != MAP_FAILED;
}

/*
 * If items have initial contents, maps a template over each stride. Maps no template if memory files don't work, or if there
 * are too many mappings. Returns false if there is no memory.
 */
static bool map_contents(const struct rk_percpu *pool, struct range *range)
{
	int wanted = range->highest + 1 + SHARED_INDEXES, fd = -1;
	bool mapped = true;

	if (!pool->has_initial || pool->is_large)
		return true;
	if (__atomic_add_fetch(&templates, wanted, __ATOMIC_RELAXED) <= TEMPLATES_MAX)
		fd = make_template(pool);
	if (fd >= 0) {
		FOR_EACH_INDEX(range, i)
			mapped = mapped && map_stride(range, i, 0, fd, 1);
		(void)RK_SYSCALL(SYS_close, fd);
		if (mapped) {
			range->templates = wanted;
			return true;
		}
	}
	__atomic_fetch_sub(&templates, wanted, __ATOMIC_RELAXED);
	return mapped || map_stride(range, -SHARED_INDEXES, MAP_ANONYMOUS, -1, wanted);
}

/* Tells the kernel how to treat memory that is about to become accessible. */
static void prepare_memory(char *from, size_t size)
{
	/*
	 * After mlockall(MCL_FUTURE) the kernel commits all memory that becomes accessible, except memory to which munlock()
	 * was applied before.
	 */
	(void)munlock(from, size);
	/* A huge page would span several CPUs' strides, and put them all on the node of the CPU that writes first. */
	(void)madvise(from, size, MADV_NOHUGEPAGE);
}

void *rk_map_lazily(size_t size)
{
	int saved = errno;
	char *mapping = reserve(size);

	if (mapping != NULL) {
		prepare_memory(mapping, size);
		if (!make_accessible(mapping, size)) {
			(void)munmap(mapping, size);
			mapping = NULL;
		}
	}
	errno = saved;
	return mapping;
}

void rk_unmap(void *mapping, size_t size)
{
	int saved = errno;

	/*
	 * If the memory is in the middle of a mapping, munmap() needs one more mapping, and can fail. In that case at least
	 * the pages are freed.
	 */
	if (munmap(mapping, size) != 0)
		(void)madvise(mapping, size, MADV_DONTNEED);
	errno = saved;
}

/*
 * If the pool has RK_PERCPU_EMPTY_IN_CHILDREN, makes the kernel fill this memory with zeros in forked children. Returns false
 * if the kernel can't.
 */
static bool empty_in_children(const struct rk_percpu *pool, char *from, size_t size)
{
	return !(pool->flags & RK_PERCPU_EMPTY_IN_CHILDREN) || size == 0 || madvise(from, size, MADV_WIPEONFORK) == 0;
}

/* Marks as taken the bits of the last word that stand for no item. */
static void close_sets(struct range *range)
{
	if (range->items % BITS != 0)
		*rk_word_of_set(rk_set_taken(range), range->items / BITS) = ~0UL << (range->items % BITS);
}

/*
 * The mapping that slices share: its strides, with no head before them. The structure is in the first slice of the reserve index,
 * which therefore belongs to no pool. A bit of `taken` stands for a slice. A thread that is killed between taking a slice and
 * publishing its range loses the slice.
 */
struct shared {
	char *slot0;
	size_t mapped, slice;
	int highest;
	unsigned taken;
};

#define SLICES 8

static struct shared *shared_strides;

/* Makes the mapping of slices. Returns NULL if there is no memory, or if pages are larger than a slice. */
static struct shared *make_shared(const struct rk_percpu *pool)
{
	int highest = rk_cpus_look_again()->highest, clear = indexes_to_reserve(pool);
	size_t least = strides(highest + 1), size = strides(clear > highest ? clear : highest + 1);
	struct shared *made, *expected = NULL;
	char *mapping;

	if (RK_STRIDE / SLICES % rk_page_size() != 0)
		return NULL;
	mapping = reserve(size);
	if (mapping == NULL)
		return NULL;
	prepare_memory(mapping, size);
	if (!make_accessible(mapping, least)) {
		rk_unmap(mapping, size);
		return NULL;
	}
	if (size > least)
		(void)madvise(mapping + least, size - least, MADV_DONTDUMP);
	made = (struct shared *)(void *)mapping;
	*made = (struct shared){.slot0 = mapping + strides(0), .mapped = size, .slice = RK_STRIDE / SLICES, .highest = highest,
				.taken = 1};
	if (!__atomic_compare_exchange_n(&shared_strides, &expected, made, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		rk_unmap(mapping, size);
		return expected;
	}
	return made;
}

/* Takes a slice. Returns its number, or 0 if all are taken. */
static int take_slice(struct shared *shared)
{
	for (int slice = 1; slice < SLICES; slice++)
		if ((__atomic_fetch_or(&shared->taken, 1U << slice, __ATOMIC_ACQ_REL) & 1U << slice) == 0)
			return slice;
	return 0;
}

static void give_slice(const struct range *range)
{
	size_t slice = (size_t)(range->slot0 - shared_strides->slot0) / range->bytes;

	FOR_EACH_INDEX(range, i)
		(void)madvise(stride_of(range, i), range->bytes, MADV_DONTNEED);
	__atomic_fetch_and(&shared_strides->taken, ~(1U << slice), __ATOMIC_ACQ_REL);
}

/* Makes a slice the pool's first range. Returns NULL if the pool can't have one, or has one. */
static struct range *slice_new(struct rk_percpu *pool)
{
	struct shared *shared = __atomic_load_n(&shared_strides, __ATOMIC_ACQUIRE);
	struct range *range, *none = NULL;
	int slice;

	if (!pool->may_share || __atomic_load_n(&pool->slice, __ATOMIC_ACQUIRE) != NULL)
		return NULL;
	if (shared == NULL)
		shared = make_shared(pool);
	if (shared == NULL || shared->highest < rk_cpus_get()->highest)
		return NULL;
	range = (struct range *)rk_map(pool->head);
	slice = range != NULL ? take_slice(shared) : 0;
	if (slice == 0) {
		if (range != NULL)
			rk_unmap(range, pool->head);
		return NULL;
	}
	*range = (struct range){.slot0 = shared->slot0 + (size_t)slice * shared->slice, .mapped = pool->head,
				.items = shared->slice / pool->spacing, .bytes = shared->slice, .highest = shared->highest};
	close_sets(range);
	if (rk_tell())
		FOR_EACH_INDEX(range, i)
			rk_tell_unusable(stride_of(range, i), range->bytes);
	if (__atomic_compare_exchange_n(&pool->slice, &none, range, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		__atomic_store_n(&pool->slice_slot0, range->slot0, __ATOMIC_RELEASE);
		return range;
	}
	give_slice(range);
	rk_unmap(range, range->mapped);
	return NULL;
}

/* Frees a slice that has no item. */
static void free_slice(struct rk_percpu *pool, struct range *range)
{
	if (rk_tell())
		FOR_EACH_INDEX(range, i)
			rk_tell_usable(stride_of(range, i), range->bytes);
	give_slice(range);
	__atomic_store_n(&pool->slice_slot0, NULL, __ATOMIC_RELEASE);
	__atomic_store_n(&pool->slice, NULL, __ATOMIC_RELEASE);
	rk_unmap(range, range->mapped);
}

void rk_range_free(struct rk_percpu *pool, struct range *range)
{
	if (range == pool->slice) {
		free_slice(pool, range);
		return;
	}
	if (range->templates > 0)
		__atomic_fetch_sub(&templates, range->templates, __ATOMIC_RELAXED);
	if (rk_tell())
		rk_tell_usable(stride_of(range, -SHARED_INDEXES), strides(range->highest + 1));
	rk_unmap(range, range->mapped);
}

/*
 * Makes a range's memory accessible, and stores `closed`, the description of the range, at its beginning. Children inherit
 * the first stride, which has the reserve slots, even with RK_PERCPU_EMPTY_IN_CHILDREN. If items are large, children inherit
 * all strides. The addresses after the highest index are left out of core dumps, because gdb's gcore would write zeros for
 * all of them.
 */
static bool open_range(const struct rk_percpu *pool, struct range *closed, char *mapping)
{
	size_t least = pool->head + strides(closed->highest + 1), kept = pool->is_large ? least : pool->head + RK_STRIDE;
	struct range *range = (struct range *)(void *)mapping;

	if (!map_contents(pool, closed))
		return false;
	if (closed->templates > 0)
		prepare_memory(mapping + pool->head, least - pool->head);
	if (!empty_in_children(pool, mapping + kept, least - kept) || !make_accessible(mapping, least))
		return false;
	if (closed->mapped > least)
		(void)madvise(mapping + least, closed->mapped - least, MADV_DONTDUMP);
	*range = *closed;
	close_sets(range);
	if (rk_tell())
		rk_tell_unusable(mapping + pool->head, least - pool->head);
	return true;
}

static struct range *range_new(const struct rk_percpu *pool)
{
	int highest = rk_cpus_look_again()->highest, clear = indexes_to_reserve(pool);
	size_t least = pool->head + strides(highest + 1), size = pool->head + strides(clear > highest ? clear : highest + 1);
	struct range closed = {.highest = highest, .items = pool->per_range, .bytes = RK_STRIDE};
	char *mapping;

	if (pool->most > 0 && size > pool->most)
		return NULL;
	mapping = reserve(size);
	if (mapping == NULL)
		mapping = reserve(size = least);
	if (mapping == NULL)
		return NULL;
	if (pool->most > 0) /* such ranges are made at the start of the process, before it calls mlockall() */
		(void)madvise(mapping, size, MADV_NOHUGEPAGE);
	else
		prepare_memory(mapping, size);
	closed.mapped = size;
	closed.slot0 = mapping + pool->head + SHARED_INDEXES * RK_STRIDE;
	if (open_range(pool, &closed, mapping))
		return (struct range *)(void *)mapping;
	__atomic_fetch_sub(&templates, closed.templates, __ATOMIC_RELAXED);
	rk_unmap(mapping, size);
	return NULL;
}

struct range *rk_range_new(struct rk_percpu *pool)
{
	int saved = errno;
	struct range *range = slice_new(pool);

	if (range == NULL)
		range = range_new(pool);

	errno = saved;
	return range;
}

/* Returns a multiple of the page size, so that the memory of each index is near its CPU. */
size_t rk_large_spacing(const struct rk_percpu *pool)
{
	size_t page = rk_page_size();

	return (pool->item_size + page - 1) & ~(page - 1);
}

static size_t large_size(const struct rk_percpu *pool, const struct range *range)
{
	return rk_large_spacing(pool) * (size_t)(range->highest + 1 + SHARED_INDEXES);
}

bool rk_large_new(const struct rk_percpu *pool, const struct range *range, void *item)
{
	int saved = errno;
	size_t size = large_size(pool, range);
	char *memory = reserve(size);

	if (memory != NULL) {
		prepare_memory(memory, size);
		if (!empty_in_children(pool, memory + rk_large_spacing(pool), size - rk_large_spacing(pool)) ||
		    !make_accessible(memory, size)) {
			(void)munmap(memory, size);
			memory = NULL;
		}
	}
	errno = saved;
	if (memory == NULL)
		return false;
	FOR_EACH_INDEX(range, i) {
		char *part = memory + (size_t)(i + SHARED_INDEXES) * rk_large_spacing(pool);

		if (pool->has_initial)
			memcpy(part, pool->initial, pool->item_size);
		__atomic_store_n((char **)rk_percpu_slot(item, i), part, __ATOMIC_RELEASE);
	}
	return true;
}

void rk_large_free(const struct rk_percpu *pool, const struct range *range, void *item)
{
	rk_unmap(*(char **)rk_percpu_slot(item, -SHARED_INDEXES), large_size(pool, range));
}
