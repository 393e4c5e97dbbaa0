/* SPDX-License-Identifier: MIT */
/*
 * percpu_range.c - ranges of address space for per-CPU items.
 *
 * The invariant: a fresh item's slots are never touched before their first use, so a page is committed by, and near,
 * the CPU that first writes to it. Zeros come with anonymous memory. Other initial contents come from a memory file
 * that holds one stride of items and is mapped privately over every stride: read, it is shared; written, it is
 * copied. Where there are no memory files, items get their contents when they are handed out.
 */
#define _GNU_SOURCE
#include "percpu_range.h"

#include <string.h>
#include <sys/mman.h>
#include "cpus.h"
#include "kernel.h"

int rk_next_index(int index)
{
	int cpu;

	if (index < -1)
		return index + 1;
	cpu = rk_cpus_next(index);
	return cpu < 0 ? RK_CPUS_MAX : cpu;
}

static size_t mapping_size(void)
{
	return ((size_t)rk_cpus_get()->highest + 1 + SHARED_INDEXES) << RK_STRIDE_SHIFT;
}

void *rk_description_new(size_t size)
{
	int saved = errno;
	void *description = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	errno = saved;
	return description == MAP_FAILED ? NULL : description;
}

static size_t range_description_size(const struct rk_percpu *pool)
{
	return sizeof(struct range) + 3 * rk_words_per_set(pool) * sizeof(unsigned long);
}

/*
 * One stride's worth of items with the initial contents, in a memory file, or -1 where that can't be had.
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
		memcpy(stride + i * pool->spacing, pool->initial, pool->item_size);
	(void)munmap(stride, RK_STRIDE);
	return fd;
}

/* Where there are initial contents, and memory files, all strides show one. Not accessible yet: see range_new(). */
static int map_contents(const struct rk_percpu *pool, struct range *range)
{
	int template = pool->has_initial ? make_template(pool) : -1;
	int r = 0;

	if (template < 0)
		return 0;
	range->from_template = true;
	FOR_EACH_INDEX(i)
		if (mmap(rk_percpu_slot(range->slot0, i), RK_STRIDE, PROT_NONE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
			 template, 0) == MAP_FAILED)
			r = -1;
	(void)RK_SYSCALL(SYS_close, template);
	return r;
}

/* Only possible CPUs get memory; the holes of a sparse numbering stay inaccessible. */
static int open_strides(struct range *range)
{
	FOR_EACH_INDEX(i)
		if (mprotect(rk_percpu_slot(range->slot0, i), RK_STRIDE, PROT_READ | PROT_WRITE) != 0)
			return -1;
	return 0;
}

void rk_range_free(const struct rk_percpu *pool, struct range *range)
{
	if (range->mapping != NULL)
		(void)munmap(range->mapping, mapping_size());
	(void)munmap(range, range_description_size(pool));
}

static struct range *range_new(const struct rk_percpu *pool)
{
	struct range *range = rk_description_new(range_description_size(pool));
	void *mapping;
	bool shows_contents;

	if (range == NULL)
		return NULL;
	range->vacant = pool->per_range;
	range->taken = (unsigned long *)(range + 1);
	range->used = range->taken + rk_words_per_set(pool);
	range->written = range->used + rk_words_per_set(pool);
	if (pool->per_range % BITS != 0)
		range->taken[pool->per_range / BITS] = ~0UL << (pool->per_range % BITS);
	mapping = mmap(NULL, mapping_size(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapping == MAP_FAILED) {
		rk_range_free(pool, range);
		return NULL;
	}
	range->mapping = mapping;
	range->slot0 = range->mapping + SHARED_INDEXES * RK_STRIDE;
	shows_contents = map_contents(pool, range) == 0;
	/* After mlockall(MCL_FUTURE) the kernel fills whatever becomes accessible, unless it is told before. */
	(void)munlock(mapping, mapping_size());
	/* A huge page would span several CPUs' strides, and put them all on the node of the first to write. */
	(void)madvise(mapping, mapping_size(), MADV_NOHUGEPAGE);
	if (!shows_contents || open_strides(range) != 0) {
		rk_range_free(pool, range);
		return NULL;
	}
	return range;
}

struct range *rk_range_new(const struct rk_percpu *pool)
{
	int saved = errno;
	struct range *range = range_new(pool);

	errno = saved;
	return range;
}
