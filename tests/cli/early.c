/* SPDX-License-Identifier: MIT */
/*
 * early.c - a component that follows the public TLS protocol: it defines __rseq_abi, and registers the initial thread
 * there. As a program it then says "ready" and sleeps; it can be preloaded into others as well.
 */
#define _GNU_SOURCE
#include <rseqkit/arch/arch.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

struct rseq_area {
	uint32_t words[8];
} __attribute__((__aligned__(32)));

extern __thread struct rseq_area __rseq_abi;
__thread struct rseq_area __rseq_abi __attribute__((__tls_model__("initial-exec"))) = {.words[1] = UINT32_MAX};

/* More TLS behind it, so that its place takes the size and the alignment of all of it to tell. */
__thread char other_tls[100] __attribute__((__used__));

__attribute__((__constructor__)) static void register_early(void)
{
	(void)syscall(SYS_rseq, &__rseq_abi, sizeof(__rseq_abi), 0, RK_SIGNATURE);
}

int main(void)
{
	puts("ready");
	fflush(stdout);
	sleep(60);
	return 0;
}
