/* SPDX-License-Identifier: MIT */
/*
 * committed.h - counts the bytes of an address range that are in memory or swapped out, without those that belong to a file.
 * /proc/self/pagemap says which pages these are.
 */
#ifndef COMMITTED_H
#define COMMITTED_H

#include "test.h"
#include <fcntl.h>

/*
 * In an entry of /proc/self/pagemap, bit 63 says that the page is present. Bit 62 says that the page is swapped out. Bit 61
 * says that the page belongs to a file. See the kernel's Documentation/admin-guide/mm/pagemap.rst.
 */
static inline size_t committed(const void *from, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 0, end = (uintptr_t)from + size;
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	assert_true(pagemap >= 0);
	for (uintptr_t at = (uintptr_t)from / page; at < (end + page - 1) / page; at++) {
		assert_int_equal(pread(pagemap, &entry, sizeof(entry), (off_t)(at * sizeof(entry))), sizeof(entry));
		bytes += entry >> 62 && !(entry >> 61 & 1) ? page : 0;
	}
	close(pagemap);
	return bytes;
}

/* Returns the number of indexes for which ranges have addresses, if address space isn't limited: see percpu.h. */
static inline int indexes_with_addresses(void)
{
	const char *mode = getenv("RSEQKIT_PERCPU");
	unsigned long mask[RK_CPUS_MAX / 8 / sizeof(unsigned long)];
	long bytes = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);

	if (mode != NULL && strcmp(mode, "all-cpus") == 0)
		return RK_CPUS_MAX;
	return bytes * 8 > 256 ? (int)bytes * 8 : 256;
}

#endif /* COMMITTED_H */
