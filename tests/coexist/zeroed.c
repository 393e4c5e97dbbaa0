/* SPDX-License-Identifier: MIT */
/*
 * zeroed.c - __rseq_abi as it was before there was a protocol that says -1: zeros, registered in the initial thread before any
 * constructor runs.
 */
#define _GNU_SOURCE
#include <rseqkit/abi.h>
#include <sys/syscall.h>
#include <unistd.h>

__thread struct rk_area __rseq_abi __attribute__((__aligned__(32)));

static void register_first(void)
{
	(void)syscall(SYS_rseq, &__rseq_abi, RK_AREA_LENGTH_ORIGINAL, 0, RK_SIGNATURE);
}

__attribute__((__section__(".preinit_array"), __used__)) static void (*const first)(void) = register_first;
