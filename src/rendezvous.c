/* SPDX-License-Identifier: MIT */
/*
 * rendezvous.c - one page that all copies of this library find without a symbol, a lock, or a file name.
 *
 * The invariant: the page becomes visible complete, by the one mmap that succeeds, and never changes. Whoever loses
 * that race reads what the winner wrote. System calls are raw, and results compared with the address asked for:
 * sanitizers intercept the libc's mmap, and valgrind and emulators ignore MAP_FIXED_NOREPLACE.
 */
#define _GNU_SOURCE
#include "rendezvous.h"

#include <string.h>
#include <sys/mman.h>
#include "kernel.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

#define PAGE 4096

static void *const page = (void *)RK_RENDEZVOUS_ADDRESS;

/* Reads what is on the page. It may be anything, if somebody else's. */
static int read_page(struct rk_rendezvous *meeting)
{
	struct rk_rendezvous found;

	memcpy(&found, page, sizeof(found));
	if (memcmp(found.magic, RK_RENDEZVOUS_MAGIC, sizeof(found.magic)) != 0 || found.size < sizeof(found) ||
	    found.version < RK_RENDEZVOUS_VERSION || found.signature != RK_SIGNATURE ||
	    found.block_version < RK_THREAD_BLOCK_VERSION || found.block_size < sizeof(struct rk_thread_block))
		return -EADDRINUSE;
	*meeting = found;
	return 0;
}

/* Maps a page with our offer, unless there is one. Returns 0, -EEXIST if there is, or another negative errno. */
static int publish(const struct rk_rendezvous *offer)
{
	long fd = RK_SYSCALL(SYS_memfd_create, "rseqkit-rendezvous", MFD_CLOEXEC);
	long mapped;

	if (fd < 0)
		return (int)fd;
	mapped = RK_SYSCALL(SYS_write, (int)fd, offer, sizeof(*offer));
	if (mapped == (long)sizeof(*offer))
		mapped = RK_SYSCALL(RK_SYS_MMAP, page, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE, (int)fd, 0);
	else if (mapped >= 0)
		mapped = -ENOSPC;
	(void)RK_SYSCALL(SYS_close, (int)fd);
	if (mapped == (long)RK_RENDEZVOUS_ADDRESS)
		return 0;
	if (mapped < 0 && mapped >= -4095) /* other negative ones are high addresses of 32-bit machines */
		return (int)mapped;
	/* Mapped elsewhere: whoever emulates the kernel took the address for a hint. */
	(void)RK_SYSCALL(SYS_munmap, mapped, PAGE);
	return -EEXIST;
}

int rk_rendezvous_look(struct rk_rendezvous *meeting)
{
	return rk_kernel_can_read(page) ? read_page(meeting) : -EADDRINUSE;
}

int rk_rendezvous(struct rk_rendezvous *meeting)
{
	int r;

	if (rk_kernel_can_read(page))
		return read_page(meeting);
	r = publish(meeting);
	return r == -EEXIST ? rk_rendezvous_look(meeting) : r;
}
