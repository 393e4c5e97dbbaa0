/* SPDX-License-Identifier: MIT */
/* counting.c - a shared library that other languages call. It counts calls, and names the owner of the calling thread. */
#include <rseqkit.h>

static struct rk_counter_static calls = RK_COUNTER_STATIC;

__attribute__((__visibility__("default"))) void count(void)
{
	rk_counter_static_add(&calls, 1);
}

__attribute__((__visibility__("default"))) long counted(void)
{
	return (long)rk_counter_sum(rk_counter_static_get(&calls));
}

__attribute__((__visibility__("default"))) const char *owner(void)
{
	return rk_owner_name(rk_thread_owner());
}
