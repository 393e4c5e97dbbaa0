/* SPDX-License-Identifier: MIT */
/*
 * cpus_page.c - one page that tells all copies of this library in a process which CPUs are possible.
 *
 * The invariant: once the page has its magic word, it is complete and never changes. A page without the magic word isn't
 * used: another thread, or the code that a signal handler interrupted, is still filling the page. If the process forks
 * meanwhile, the page never gets its magic word in the child. Unlike the page of thread/rendezvous.c, this page is no mapping of
 * a file. A file would need a descriptor. But a copy needs this page most when the process has no free descriptor, because the
 * copy then can't read the kernel's list.
 */
#define _GNU_SOURCE
#include "cpus_page.h"

#include <rseqkit/detail/agreement.h>
#include <string.h>
#include <sys/mman.h>
#include "kernel.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

_Static_assert(sizeof(((struct rk_cpus_page *)0)->set) == sizeof(((struct rk_cpus *)0)->set), "words of a set");

static struct rk_cpus_page *const list_page = (struct rk_cpus_page *)RK_CPUS_PAGE_ADDRESS;

/*
 * If no page is there, maps the page and fills it. Returns whether this call made the page. The system call is raw, and
 * its result is compared with the address; thread/rendezvous.c has the reasons for both.
 */
static bool publish_page(const struct rk_cpus *offer)
{
	long mapped = rk_kernel_map_at(list_page, sizeof(*list_page), PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1);

	if (mapped == (long)RK_CPUS_PAGE_ADDRESS) {
		memcpy(list_page->set, offer->set, sizeof(list_page->set));
		__atomic_store_n(&list_page->magic, RK_CPUS_PAGE_MAGIC, __ATOMIC_RELEASE);
		(void)RK_SYSCALL(SYS_mprotect, list_page, sizeof(*list_page), PROT_READ);
		return true;
	}
	if (!RK_MAP_FAILED(mapped))
		(void)RK_SYSCALL(SYS_munmap, mapped, sizeof(*list_page));
	return false;
}

/*
 * Returns whether a complete page is there. Calls mincore() first, because valgrind reports an error if another system call
 * gets an unmapped address.
 */
static bool is_there(void)
{
	unsigned char resident = 0;

	return RK_SYSCALL(SYS_mincore, list_page, sizeof(*list_page), &resident) != -ENOMEM && rk_kernel_can_read(list_page) &&
	       __atomic_load_n(&list_page->magic, __ATOMIC_ACQUIRE) == RK_CPUS_PAGE_MAGIC;
}

const unsigned long *rk_cpus_agree(const struct rk_cpus *offer)
{
	return (offer == NULL || !publish_page(offer)) && is_there() ? list_page->set : NULL;
}
