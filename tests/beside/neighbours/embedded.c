/* SPDX-License-Identifier: MIT */
/*
 * embedded.c - another project's library that contains rseqkit/embed.h and nothing else of ours. With RKE_NO_LIBC_AREA
 * embed.h ignores the C library's area, as builds of this library with that option do.
 */
#define _GNU_SOURCE
#define NEIGHBOUR_OWNER owner
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

static int owner(void)
{
	return (int)rke_thread_owner();
}

NEIGHBOUR_CALLS
