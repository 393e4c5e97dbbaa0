/* SPDX-License-Identifier: MIT */
/* registrar.c - see registrar.h. With MORE its area isn't all that it has in TLS. */
#define _GNU_SOURCE
#include "registrar.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <rseqkit/abi.h>

#define VISIBLE __attribute__((__visibility__("default")))

VISIBLE ptrdiff_t rseq_offset;
VISIBLE unsigned int rseq_size = -1U;

#ifdef MORE
static __thread uint64_t more __attribute__((__tls_model__("initial-exec"))) = 1;
#endif
static __thread struct rk_area area __attribute__((__tls_model__("initial-exec"), __aligned__(1024))) = {
	.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED,
};
static bool owns;

static void *thread_pointer(void)
{
#ifdef __x86_64__
	void *pointer;

	__asm__("mov %%fs:0, %0" : "=r"(pointer));
	return pointer;
#else
	return __builtin_thread_pointer();
#endif
}

__attribute__((__constructor__)) static void init(void)
{
	extern const unsigned int __rseq_size __attribute__((__weak__));
	extern const ptrdiff_t __rseq_offset __attribute__((__weak__));

#ifdef MORE
	more++;
#endif
	if (&__rseq_size != NULL && __rseq_size != 0) {
		rseq_offset = __rseq_offset;
		rseq_size = 28;
		return;
	}
	owns = true;
	rseq_offset = (char *)&area - (char *)thread_pointer();
	rseq_size = 0;
}

VISIBLE int rseq_register_current_thread(void)
{
	if (!owns)
		return 0;
	if (syscall(SYS_rseq, &area, 32, 0, RK_SIGNATURE) != 0) {
		if (rseq_size > 0)
			abort();
		return -1;
	}
	rseq_size = 28;
	return 0;
}
