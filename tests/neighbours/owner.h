/* SPDX-License-Identifier: MIT */
/*
 * owner.h - neighbour.h's functions for a component that registers a thread for itself alone, counts nothing, and undoes
 * what it did. Its file includes this, and has take() and area().
 */
#ifndef OWNER_H
#define OWNER_H

#include "neighbour.h"

#include <rseqkit/abi.h>
#include <rseqkit/arch/arch.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool take(void);           /* registers the calling thread; false if that is refused, or not its to undo */
static volatile void *area(void); /* the original length */

static __thread bool taken;

/* Where it is refused it does without. */
static int enter(void)
{
	taken = taken || take();
	return 0;
}

static bool work(void)
{
	return ((volatile int32_t *)area())[1] >= 0;
}

/* Not with the libc's help, who keeps threads' memory longer than the kernel needs it. */
static bool leave(void)
{
	bool right = !taken || syscall(SYS_rseq, area(), RK_AREA_LENGTH_ORIGINAL, 1, RK_SIGNATURE) == 0;

	taken = false;
	return right;
}

static bool is_fast(void)
{
	return taken;
}

static uint32_t users(void)
{
	return 0;
}

NEIGHBOUR_CALLS

#endif /* OWNER_H */
