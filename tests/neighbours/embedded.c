/* SPDX-License-Identifier: MIT */
/*
 * embedded.c - a library of somebody else's that has rseqkit/embed.h in it, and nothing else of ours. With
 * RKE_NO_LIBC_AREA it ignores the C library's area, as this library does when it is built so.
 */
#define _GNU_SOURCE
#include "neighbour.h"

#include <rseqkit/embed.h>

static bool is_fast(void)
{
	return rke_thread_area() != NULL;
}

static int enter(void)
{
	return rke_thread_register();
}

static bool work(void)
{
	return is_fast();
}

static bool leave(void)
{
	return rke_thread_unregister() == 0;
}

static uint32_t users(void)
{
	volatile uint32_t *count = rke_early_users();

	return count == NULL ? 0 : *count;
}

static volatile void *area(void)
{
	return rke_thread_area();
}

NEIGHBOUR_CALLS
