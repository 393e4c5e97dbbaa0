/* SPDX-License-Identifier: MIT */
/*
 * owner.h - neighbour.h's functions for a component that registers threads for itself alone, counts no users, and undoes its
 * own registration. The file that includes this header defines take() and area().
 */
#ifndef OWNER_H
#define OWNER_H

#include "neighbour.h"

#include <rseqkit/abi.h>
#include <rseqkit/arch/arch.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool take(void);           /* registers the calling thread; returns false if that fails or another component has done it */
static volatile void *area(void); /* returns the area, whose length is RK_AREA_LENGTH_ORIGINAL */

static __thread bool taken;

/* If the kernel refuses the registration, the component works without rseq. */
static int enter(void)
{
	taken = taken || take();
	return 0;
}

static bool work(void)
{
	return ((volatile int32_t *)area())[1] >= 0;
}

/* Unregisters before the thread ends, because the libc may free the thread's memory early. */
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
