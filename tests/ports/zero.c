/* SPDX-License-Identifier: MIT */
/*
 * zero.c - tests that no area of ours is at the thread pointer itself, wherever the linker puts it: offset 0 means that there is
 * no area. This file has no TLS, so the object that is linked next has the first TLS of the program.
 *
 * BEFORE    so many bytes of TLS come first: 0x7000 on PowerPC and MIPS, where the thread pointer is that far behind the beginning
 */
#define _GNU_SOURCE
#include <rseqkit.h>
#include <stdio.h>
#include "os/thread_pointer.h"

extern __thread struct rk_area __rseq_abi;
#ifdef BEFORE
__thread char before[BEFORE] __attribute__((__aligned__(64))) = {1};
#endif

int main(void)
{
	struct rk_process_info info;
	int is_read = rk_process_query(&info, sizeof(info)) == 0, block = is_read && info.offset != 0;
	int symbol = (char *)&__rseq_abi != rk_thread_pointer();

	printf("1..2\n%s 1 - the thread block\n%s 2 - librseqkit-early's area\n", block ? "ok" : "not ok", symbol ? "ok" : "not ok");
	return block && symbol ? 0 : 1;
}
