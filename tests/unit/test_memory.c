/* SPDX-License-Identifier: MIT */
/*
 * Tests per-CPU memory as the kernel reports it in /proc/self/smaps. There are no huge pages. The kernel sets no memory aside
 * in advance for pages that may stay unwritten (MAP_NORESERVE). No page is filled early, even after mlockall(). Core dumps
 * contain the memory that can be accessed, and none of the address space around it.
 */
#include "committed.h"
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define ITEM 4096

static const char initial[ITEM] = "contents";

/* Parts of an item's mapping, up to the highest index. Parts that can't be written to are `closed`. */
struct account {
	int parts, no_huge_pages, not_reserved, locked, not_dumped; /* the number of parts, and how many of them have each flag */
	int closed_parts, closed_not_dumped;
	unsigned long in_memory_for_good;               /* KiB, from the lines "Locked:" */
	size_t committed;                               /* bytes that are in memory or swapped out */
	bool has_flags;
};

static bool has_flag(const char *line, const char *flag)
{
	return strstr(line, flag) != NULL;
}

/* Reads the fields that the kernel's Documentation/filesystems/proc.rst describes. */
static struct account account_of(void *item)
{
	uintptr_t from = (uintptr_t)rk_percpu_slot(item, RK_INDEX_RESERVE), to, start, end;
	uintptr_t reserved = from + ((size_t)indexes_with_addresses() - 1) * RK_STRIDE;
	FILE *smaps = fopen("/proc/self/smaps", "r");
	struct account all = {0};
	unsigned long kib;
	char line[512], access[8] = "";
	bool ours = false, closed = false;
	int last = -1;

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu))
		last = cpu;
	to = (uintptr_t)rk_percpu_slot(item, last) + ITEM;
	while (smaps != NULL && fgets(line, sizeof(line), smaps) != NULL) {
		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &start, &end, access) == 3) {
			ours = start < to && end > from && access[1] == 'w';
			all.parts += ours;
			closed = start < reserved && end > from && access[1] != 'w';
			all.closed_parts += closed;
		} else if (ours && sscanf(line, "Locked: %lu", &kib) == 1) {
			all.in_memory_for_good += kib;
		} else if (ours && strncmp(line, "VmFlags:", 8) == 0) {
			all.has_flags = true;
			all.no_huge_pages += has_flag(line, " nh");
			all.not_reserved += has_flag(line, " nr");
			all.locked += has_flag(line, " lo");
			all.not_dumped += has_flag(line, " dd");
		} else if (closed && strncmp(line, "VmFlags:", 8) == 0) {
			all.closed_not_dumped += has_flag(line, " dd");
		}
	}
	if (smaps != NULL)
		fclose(smaps);
	all.committed = committed((void *)from, to - from);
	return all;
}

static struct account create_and_account(const void *contents)
{
	struct rk_percpu_options options = {.item_size = ITEM, .alignment = ITEM, .initial = contents};
	struct account account = {0};
	struct rk_percpu *pool;
	void *item;

	if (rk_percpu_create(&pool, &options, sizeof(options)) == 0 && rk_percpu_alloc(pool, &item) == 0) {
		account = account_of(item);
		(void)rk_percpu_free(pool, item);
		(void)rk_percpu_destroy(pool);
	}
	return account;
}

static char first_of(const char *path)
{
	FILE *file = fopen(path, "r");
	int first = file == NULL ? '\0' : fgetc(file);

	if (file != NULL)
		fclose(file);
	return (char)first;
}

static void no_huge_pages(void **state)
{
	(void)state;
	if (first_of("/sys/kernel/mm/transparent_hugepage/enabled") == '\0')
		SKIP("this kernel has no transparent huge pages");
	for (int with = 0; with < 2; with++) {
		struct account account = create_and_account(with ? initial : NULL);

		if (!account.has_flags)
			SKIP("this kernel doesn't show flags of mappings");
		assert_true(account.parts > 0);
		assert_int_equal(account.no_huge_pages, account.parts);
	}
}

static void not_reserved(void **state)
{
	(void)state;
	if (first_of("/proc/sys/vm/overcommit_memory") == '2')
		SKIP("this kernel was told to reserve all memory (vm.overcommit_memory)");
	for (int with = 0; with < 2; with++) {
		struct account account = create_and_account(with ? initial : NULL);

		if (!account.has_flags)
			SKIP("this kernel doesn't show flags of mappings");
		assert_true(account.parts > 0);
		assert_int_equal(account.not_reserved, account.parts);
	}
}

static void dumped(void **state)
{
	(void)state;
	for (int with = 0; with < 2; with++) {
		struct account account = create_and_account(with ? initial : NULL);

		if (!account.has_flags)
			SKIP("this kernel doesn't show flags of mappings");
		assert_true(account.parts > 0);
		assert_int_equal(account.not_dumped, 0);
		assert_true(account.closed_parts > 0 || sizeof(void *) < 8);
		assert_int_equal(account.closed_not_dumped, account.closed_parts);
	}
}

/* The bytes of this process's address space. */
static size_t address_space(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%lu", &pages), 1);
	fclose(statm);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Counters, groups, histograms and peaks share one mapping, until one kind of them needs more than its part. */
static void little_address_space(void **state)
{
	size_t before = address_space(), range = ((size_t)indexes_with_addresses() + 2) * RK_STRIDE;
	struct rk_counter *counters[10000];
	struct rk_counter_group *groups[2];
	struct rk_peak *peak;

	(void)state;
	if (SANITIZED || sizeof(void *) < 8)
		SKIP("a process without a sanitizer, of 64 bits, is needed");
	assert_int_equal(rk_counter_create(&counters[0]), 0);
	assert_int_equal(rk_counter_group_create(&groups[0], NULL, 2), 0);
	assert_int_equal(rk_counter_group_create(&groups[1], NULL, 20), 0);
	assert_int_equal(rk_peak_create(&peak), 0);
	printf("# %zu MB for a counter, two groups and a peak\n", (address_space() - before) >> 20);
	assert_true(address_space() - before < range + ((size_t)32 << 20));
	for (int i = 1; i < 10000; i++)
		assert_int_equal(rk_counter_create(&counters[i]), 0);
	assert_true(address_space() - before > range + range / 2);
	for (int i = 0; i < 10000; i++) {
		rk_counter_add(counters[i], i);
		assert_int_equal(rk_counter_sum(counters[i]), i);
		assert_int_equal(rk_counter_destroy(counters[i]), 0);
		assert_int_equal(rk_counter_destroy(counters[i]), -EINVAL);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rk_counter_destroy((struct rk_counter *)groups[i]), -EINVAL);
		assert_int_equal(rk_counter_group_destroy(groups[i]), 0);
	}
	assert_int_equal(rk_peak_destroy(peak), 0);
}

static void nothing_early(void **state)
{
	(void)state;
	for (int with = 0; with < 2; with++) {
		struct account account = create_and_account(with ? initial : NULL);

		assert_true(account.parts > 0);
		assert_int_equal(account.committed, 0);
	}
}

#define NOT_ALLOWED 77

static int create_when_all_is_locked(int with)
{
	struct account account;
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_MEMLOCK, &limit);
	}
	if (mlockall(MCL_FUTURE) != 0)
		return NOT_ALLOWED;
	account = create_and_account(with ? initial : NULL);
	if (account.parts == 0)
		return NOT_ALLOWED;
	CHECK(account.locked == 0);
	CHECK(account.in_memory_for_good == 0);
	CHECK(account.committed == 0);
	return 0;
}

static void nothing_early_when_all_is_locked(void **state)
{
	(void)state;
	if (SANITIZED)
		SKIP("sanitizers turn mlockall off");
	for (int with = 0; with < 2; with++) {
		int ending = in_child_with(create_when_all_is_locked, with);

		if (ending == NOT_ALLOWED)
			SKIP("no permission to lock so much memory");
		assert_int_equal(ending, 0);
	}
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(little_address_space), /* must run first, before there are counters */
	cmocka_unit_test(no_huge_pages),
	cmocka_unit_test(not_reserved),
	cmocka_unit_test(dumped),
	cmocka_unit_test(nothing_early),
	cmocka_unit_test(nothing_early_when_all_is_locked),
};

RUN(tests)
