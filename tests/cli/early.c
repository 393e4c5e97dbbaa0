/* SPDX-License-Identifier: MIT */
/*
 * early.c - a component that follows the public TLS protocol: it defines __rseq_abi, and registers the initial thread
 * there. As a program it then says "ready" and sleeps; it can be preloaded into others as well.
 *
 * By default it knows where the area is from the thread pointer. With CALLS it asks by a call, as a library may that
 * isn't compiled for the program's start only, and with SOME_CALLS it does so for this one object: allocators do.
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

#if defined(CALLS) || defined(SOME_CALLS)
#define AREA_MODEL "global-dynamic"
#else
#define AREA_MODEL "initial-exec"
#endif
#ifdef CALLS
#define OTHER_MODEL "global-dynamic"
#else
#define OTHER_MODEL "initial-exec"
#endif

extern __thread struct rseq_area __rseq_abi __attribute__((__visibility__("default")));
__thread struct rseq_area __rseq_abi __attribute__((__tls_model__(AREA_MODEL))) = {.words[1] = UINT32_MAX};

/* More TLS behind it, so that its place takes the size and the alignment of all of it to tell. */
extern __thread volatile char other_tls[100] __attribute__((__visibility__("default")));
__thread volatile char other_tls[100] __attribute__((__tls_model__(OTHER_MODEL)));

__attribute__((__constructor__)) static void register_early(void)
{
	other_tls[0] = 1;
	(void)syscall(SYS_rseq, &__rseq_abi, sizeof(__rseq_abi), 0, RK_SIGNATURE);
}

int main(void)
{
	puts("ready");
	fflush(stdout);
	sleep(60);
	return 0;
}
