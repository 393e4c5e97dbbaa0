/* SPDX-License-Identifier: MIT */
/*
 * checked.c - rk_slice_begin_checked() and rk_slice_end_checked(), which find system calls inside a region. A region is the
 * time in which a thread requests a longer time slice (rseqkit/slice.h); a system call in it is a mistake. The two functions use
 * the kernel's syscall user dispatch: before each system call the kernel reads the byte `selector`. If `selector` is
 * DISPATCH_BLOCK, the kernel sends SIGSYS instead of executing the call.
 *
 * Inside a region signals are blocked, because a handler returns by a system call. The data of a region is in one of SLOTS
 * slots, because the library's TLS has no more room (rseqkit/detail/agreement.h). A slot has the thread pointer of its
 * thread. If no slot is free, nothing is checked.
 */
#define _GNU_SOURCE
#include <rseqkit/slice.h>

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include "os/kernel.h"
#include "os/thread_pointer.h"

/* These values are from include/uapi/linux/prctl.h. */
#define PRCTL_SYSCALL_DISPATCH 59
#define DISPATCH_OFF 0
#define DISPATCH_ON 1
#define DISPATCH_ALLOW 0
#define DISPATCH_BLOCK 1

/*
 * The parts of the result of rk_slice_begin_checked(). The lowest bit says whether time was requested. The bits above are the
 * slot's number plus 1, or 0 if there is no slot.
 */
#define REQUESTED 1
#define SLOT_SHIFT 1

#define SLOTS 256

/* The invariant: `selector` is DISPATCH_BLOCK only from a region's beginning to its end, in the thread that has the slot. */
static struct region {
	char *thread; /* NULL: the slot is free */
	volatile unsigned char selector;
	unsigned char before[RK_SIGSET_SIZE];
} regions[SLOTS];

static bool is_inside(const char *thread)
{
	for (int i = 0; i < SLOTS; i++)
		if (__atomic_load_n(&regions[i].thread, __ATOMIC_RELAXED) == thread)
			return true;
	return false;
}

static struct region *take_region(char *thread)
{
	for (int i = 0; i < SLOTS; i++) {
		char *unused = NULL;

		if (__atomic_compare_exchange_n(&regions[i].thread, &unused, thread, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return &regions[i];
	}
	return NULL;
}

static void release_region(struct region *region)
{
	__atomic_store_n(&region->thread, NULL, __ATOMIC_RELEASE);
}

/*
 * Runs in a child of fork, which lacks its parent's other threads. New threads of the child can get the memory of these other
 * threads, and so the same thread pointers. No slot may therefore keep such a thread pointer.
 */
static void release_all(void)
{
	for (int i = 0; i < SLOTS; i++)
		release_region(&regions[i]);
}

__attribute__((__constructor__)) static void make_regions_key(void)
{
	(void)pthread_atfork(NULL, NULL, release_all);
}

/* Blocks all signals but SIGSYS, which reports a system call. */
static void block_signals(void *before)
{
	unsigned long blocked[RK_SIGSET_SIZE / sizeof(long)];

	for (size_t i = 0; i < RK_SIGSET_SIZE / sizeof(long); i++)
		blocked[i] = ~0UL;
	blocked[0] &= ~(1UL << (SIGSYS - 1));
	(void)rk_kernel_set_signals(blocked, before);
}

/* Blocks signals first, so no signal handler begins a region in between. */
static struct region *start_checking(void)
{
	unsigned char before[RK_SIGSET_SIZE];
	struct region *region;

	block_signals(before);
	region = take_region(rk_thread_pointer());
	if (region != NULL) {
		memcpy(region->before, before, sizeof(before));
		region->selector = DISPATCH_ALLOW;
		if (RK_SYSCALL(SYS_prctl, PRCTL_SYSCALL_DISPATCH, DISPATCH_ON, 0L, 0L, &region->selector) == 0)
			return region;
		release_region(region);
	}
	(void)rk_kernel_set_signals(before, NULL);
	return NULL;
}

static void stop_checking(struct region *region)
{
	unsigned char before[RK_SIGSET_SIZE];

	(void)RK_SYSCALL(SYS_prctl, PRCTL_SYSCALL_DISPATCH, DISPATCH_OFF, 0L, 0L, 0L);
	memcpy(before, region->before, sizeof(before));
	release_region(region);
	(void)rk_kernel_set_signals(before, NULL);
}

/* This function first does everything that takes system calls. Then it requests time. At the end it stores DISPATCH_BLOCK. */
int rk_slice_begin_checked(void)
{
	struct region *region;
	int requested;

	if (is_inside(rk_thread_pointer()))
		return rk_slice_begin() ? REQUESTED : 0;
	(void)rk_slice_enable();
	region = start_checking();
	requested = rk_slice_begin() ? REQUESTED : 0;
	if (region == NULL)
		return requested;
	region->selector = DISPATCH_BLOCK;
	return requested | (int)(region - regions + 1) << SLOT_SHIFT;
}

void rk_slice_end_checked(int begun)
{
	struct region *region = begun >> SLOT_SHIFT == 0 ? NULL : &regions[(begun >> SLOT_SHIFT) - 1];

	if (region != NULL)
		region->selector = DISPATCH_ALLOW;
	rk_slice_end(begun & REQUESTED);
	if (region != NULL)
		stop_checking(region);
}
