/* SPDX-License-Identifier: MIT */
/*
 * percpu.c - pools of per-CPU items over ranges of address space (the picture is in percpu.h).
 *
 * The invariant: a fresh item's slots are never touched before their first use, so a page is committed by, and near,
 * the CPU that first writes to it. Zeros come with anonymous memory. Other initial contents come from a memory file
 * that holds one stride of items and is mapped privately over every stride: read, it is shared; written, it is
 * copied.
 *
 * One lock serves all pools: creating and freeing are rare, and one lock is what fork handlers can hold, so that a
 * child never inherits it taken.
 */
#define _GNU_SOURCE
#include <rseqkit/percpu.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "cpus.h"
#include "process.h"

#define SHARED_INDEXES 2 /* overflow and reserve, below CPU 0 */
#define ALIGNMENT_MAX 4096
#define POISON 0xa5
#define BITS (8 * sizeof(unsigned long))

/* One mapping: a stride per index, items at equal offsets in each. */
struct range {
	struct range *next;
	char *mapping;         /* of index -2 */
	char *slot0;           /* of index 0 */
	size_t fresh;          /* items from this number on were never handed out */
	size_t reusable_count;
	unsigned long *used;     /* items handed out now */
	unsigned long *reusable; /* items given back; one that failed its poison check is in neither set */
};

struct rk_percpu {
	size_t item_size; /* as asked for */
	size_t spacing;   /* rounded up to the alignment */
	size_t per_range;
	unsigned flags;
	int template;  /* memory file with the initial contents, or -1 */
	void *initial; /* copy, or NULL for zeros */
	struct range *ranges;
	size_t live;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void take_lock(void)
{
	(void)pthread_mutex_lock(&lock);
}

static void drop_lock(void)
{
	(void)pthread_mutex_unlock(&lock);
}

__attribute__((__constructor__)) static void hold_lock_over_fork(void)
{
	(void)pthread_atfork(take_lock, drop_lock, drop_lock);
}

/* Every index that has memory: -2, -1, then the possible CPUs; ends with RK_CPUS_MAX. */
static int next_index(int index)
{
	int cpu;

	if (index < -1)
		return index + 1;
	cpu = rk_cpus_next(index);
	return cpu < 0 ? RK_CPUS_MAX : cpu;
}

#define FOR_EACH_INDEX(i) for (int i = -SHARED_INDEXES; i < RK_CPUS_MAX; i = next_index(i))

static size_t mapping_size(void)
{
	return ((size_t)rk_cpus_get()->highest + 1 + SHARED_INDEXES) << RK_STRIDE_SHIFT;
}

static bool get_bit(const unsigned long *set, size_t i)
{
	return set[i / BITS] >> (i % BITS) & 1;
}

static void flip_bit(unsigned long *set, size_t i)
{
	set[i / BITS] ^= 1UL << (i % BITS);
}

/* Gives index `i` its stride: only possible CPUs have memory, holes in sparse numbering stay inaccessible. */
static int map_stride(const struct rk_percpu *pool, char *stride)
{
	int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE | (pool->template < 0 ? MAP_ANONYMOUS : 0);

	if (pool->template < 0)
		return mprotect(stride, RK_STRIDE, PROT_READ | PROT_WRITE) == 0 ? 0 : -ENOMEM;
	if (mmap(stride, RK_STRIDE, PROT_READ | PROT_WRITE, flags, pool->template, 0) == MAP_FAILED)
		return -ENOMEM;
	return 0;
}

static void range_free(struct range *range)
{
	if (range == NULL)
		return;
	if (range->mapping != NULL)
		(void)munmap(range->mapping, mapping_size());
	free(range->used);
	free(range->reusable);
	free(range);
}

static struct range *range_new(const struct rk_percpu *pool)
{
	size_t words = (pool->per_range + BITS - 1) / BITS;
	struct range *range = calloc(1, sizeof(*range));
	void *mapping;

	if (range == NULL)
		return NULL;
	range->used = calloc(words, sizeof(unsigned long));
	range->reusable = calloc(words, sizeof(unsigned long));
	mapping = mmap(NULL, mapping_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapping != MAP_FAILED)
		range->mapping = mapping;
	if (range->used == NULL || range->reusable == NULL || range->mapping == NULL)
		goto failed;
	range->slot0 = range->mapping + SHARED_INDEXES * RK_STRIDE;
	FOR_EACH_INDEX(i)
		if (map_stride(pool, rk_percpu_slot(range->slot0, i)) < 0)
			goto failed;
	/* A huge page would span several CPUs' strides, and put them all on the node of the first to write. */
	(void)madvise(range->mapping, mapping_size(), MADV_NOHUGEPAGE);
	return range;
failed:
	range_free(range);
	return NULL;
}

/* One stride's worth of items with the initial contents, in a file of its own. */
static int make_template(const struct rk_percpu *pool)
{
	int fd = memfd_create("rseqkit-initial", MFD_CLOEXEC);
	char *stride;

	if (fd < 0)
		return -1;
	stride = ftruncate(fd, (off_t)RK_STRIDE) == 0 ?
			 mmap(NULL, RK_STRIDE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) :
			 MAP_FAILED;
	if (stride == MAP_FAILED) {
		(void)close(fd);
		return -1;
	}
	for (size_t i = 0; i < pool->per_range; i++)
		memcpy(stride + i * pool->spacing, pool->initial, pool->item_size);
	(void)munmap(stride, RK_STRIDE);
	return fd;
}

static void pool_free(struct rk_percpu *pool)
{
	while (pool->ranges != NULL) {
		struct range *range = pool->ranges;

		pool->ranges = range->next;
		range_free(range);
	}
	if (pool->template >= 0)
		(void)close(pool->template);
	free(pool->initial);
	free(pool);
}

static bool options_valid(const struct rk_percpu_options *o)
{
	size_t alignment = o->alignment ? o->alignment : 8;

	return o->item_size > 0 && o->item_size <= RK_STRIDE && (alignment & (alignment - 1)) == 0 &&
	       alignment <= ALIGNMENT_MAX && (o->flags & ~RK_PERCPU_DEBUG) == 0;
}

int rk_percpu_create(struct rk_percpu **out, const struct rk_percpu_options *options)
{
	size_t alignment;
	struct rk_percpu *pool;

	if (out == NULL || options == NULL || !options_valid(options))
		return -EINVAL;
	*out = NULL;
	/* Whoever has an item may use operations on it, even before this library's constructor. */
	(void)rk_process_get();
	pool = calloc(1, sizeof(*pool));
	if (pool == NULL)
		return -ENOMEM;
	alignment = options->alignment ? options->alignment : 8;
	pool->item_size = options->item_size;
	pool->spacing = (options->item_size + alignment - 1) & ~(alignment - 1);
	pool->per_range = RK_STRIDE / pool->spacing;
	pool->flags = options->flags;
	pool->template = -1;
	if (options->initial != NULL) {
		pool->initial = malloc(pool->item_size);
		if (pool->initial == NULL)
			goto failed;
		memcpy(pool->initial, options->initial, pool->item_size);
		pool->template = make_template(pool);
		if (pool->template < 0)
			goto failed;
	}
	*out = pool;
	return 0;
failed:
	pool_free(pool);
	return -ENOMEM;
}

int rk_percpu_destroy(struct rk_percpu *pool)
{
	bool busy;

	if (pool == NULL)
		return 0;
	take_lock();
	busy = pool->live > 0;
	drop_lock();
	if (busy)
		return -EBUSY;
	pool_free(pool);
	return 0;
}

static bool is_filled(const char *slot, size_t size, unsigned char with)
{
	return (unsigned char)slot[0] == with && memcmp(slot, slot + 1, size - 1) == 0;
}

/* A freed item still has the pattern it was filled with? */
static bool is_poisoned(const struct rk_percpu *pool, const char *item)
{
	FOR_EACH_INDEX(i)
		if (!is_filled(rk_percpu_slot(item, i), pool->item_size, POISON))
			return false;
	return true;
}

static void poison(const struct rk_percpu *pool, char *item)
{
	FOR_EACH_INDEX(i)
		memset(rk_percpu_slot(item, i), POISON, pool->item_size);
}

/* Gives a used item its initial contents; looks first, so that a slot that never changed stays untouched. */
static void reset(const struct rk_percpu *pool, char *item)
{
	FOR_EACH_INDEX(i) {
		char *slot = rk_percpu_slot(item, i);

		if (pool->initial == NULL) {
			if (!is_filled(slot, pool->item_size, 0))
				memset(slot, 0, pool->item_size);
		} else if (memcmp(slot, pool->initial, pool->item_size) != 0) {
			memcpy(slot, pool->initial, pool->item_size);
		}
	}
}

/* An item that was given back; its number, with the lock held. There is one. */
static size_t take_reusable(struct range *range)
{
	size_t word = 0, number;

	while (range->reusable[word] == 0)
		word++;
	number = word * BITS + (size_t)__builtin_ctzl(range->reusable[word]);
	flip_bit(range->reusable, number);
	range->reusable_count--;
	return number;
}

static int alloc_locked(struct rk_percpu *pool, char **item)
{
	struct range *range = pool->ranges;
	size_t number;

	while (range != NULL && range->reusable_count == 0 && range->fresh == pool->per_range)
		range = range->next;
	if (range == NULL) {
		range = range_new(pool);
		if (range == NULL)
			return -ENOMEM;
		range->next = pool->ranges;
		pool->ranges = range;
	}
	if (range->reusable_count > 0) {
		number = take_reusable(range);
		*item = range->slot0 + number * pool->spacing;
		if ((pool->flags & RK_PERCPU_DEBUG) && !is_poisoned(pool, *item))
			return -EUCLEAN;
		reset(pool, *item);
	} else {
		number = range->fresh++;
		*item = range->slot0 + number * pool->spacing;
	}
	flip_bit(range->used, number);
	pool->live++;
	return 0;
}

int rk_percpu_alloc(struct rk_percpu *pool, void **item)
{
	char *allocated = NULL;
	int r;

	if (pool == NULL || item == NULL)
		return -EINVAL;
	take_lock();
	r = alloc_locked(pool, &allocated);
	drop_lock();
	*item = r == 0 ? allocated : NULL;
	return r;
}

/* The range that has `item` as a slot 0, and its number there. */
static struct range *find(const struct rk_percpu *pool, const char *item, size_t *number)
{
	for (struct range *range = pool->ranges; range != NULL; range = range->next) {
		size_t offset = (size_t)((uintptr_t)item - (uintptr_t)range->slot0);

		if ((uintptr_t)item < (uintptr_t)range->slot0 || offset % pool->spacing != 0)
			continue;
		*number = offset / pool->spacing;
		if (*number < pool->per_range)
			return range;
	}
	return NULL;
}

int rk_percpu_free(struct rk_percpu *pool, void *item)
{
	struct range *range;
	size_t number;
	int r = -EINVAL;

	if (item == NULL)
		return 0;
	if (pool == NULL)
		return -EINVAL;
	take_lock();
	range = find(pool, item, &number);
	if (range != NULL && get_bit(range->used, number)) {
		if (pool->flags & RK_PERCPU_DEBUG)
			poison(pool, item);
		flip_bit(range->used, number);
		flip_bit(range->reusable, number);
		range->reusable_count++;
		pool->live--;
		r = 0;
	}
	drop_lock();
	return r;
}
