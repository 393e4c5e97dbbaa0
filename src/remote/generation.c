/* SPDX-License-Identifier: MIT */
/*
 * generation.c - tells a process from those that it was forked from, whichever way it was forked: handlers of fork don't
 * run for _Fork() or clone().
 *
 * The invariant: a number that was in use is at most `latest` in every process forked later, because it gets there
 * before it comes into use. The number in use is on a page that the kernel wipes at a fork.
 */
#define _GNU_SOURCE
#include "generation.h"

#include <sys/mman.h>
#include "kernel.h"

static uint32_t latest;
static uint32_t *page; /* NULL: not made yet */

static void raise_latest(uint32_t number)
{
	uint32_t seen = __atomic_load_n(&latest, __ATOMIC_RELAXED);

	while (seen < number &&
	       !__atomic_compare_exchange_n(&latest, &seen, number, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
}

/* NULL without memory, or where the kernel doesn't wipe pages (before 4.14). */
static uint32_t *make_page(void)
{
	uint32_t *made, *expected = NULL;
	long size = sysconf(_SC_PAGESIZE);
	int saved = errno;

	made = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (made != MAP_FAILED && madvise(made, (size_t)size, MADV_WIPEONFORK) != 0) {
		(void)munmap(made, (size_t)size);
		made = MAP_FAILED;
	}
	errno = saved;
	if (made == MAP_FAILED)
		return NULL;
	if (__atomic_compare_exchange_n(&page, &expected, made, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return made;
	(void)munmap(made, (size_t)size);
	return expected;
}

uint32_t rk_generation(void)
{
	uint32_t *number = __atomic_load_n(&page, __ATOMIC_ACQUIRE);
	uint32_t now, next;

	if (number == NULL)
		number = make_page();
	if (number == NULL)
		return (uint32_t)RK_SYSCALL(SYS_getpid); /* as good, until the system has come round to a number again */
	now = __atomic_load_n(number, __ATOMIC_ACQUIRE);
	if (now != 0)
		return now;
	next = __atomic_load_n(&latest, __ATOMIC_SEQ_CST) + 1;
	raise_latest(next);
	if (__atomic_compare_exchange_n(number, &now, next, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return next;
	return now;
}
