/* SPDX-License-Identifier: MIT */
/*
 * librseq.c - a stand-in for librseq, by its names: where the C library registers it uses that, and otherwise a thread
 * that asks is registered on an area which is the library's own. What the area is called nobody else sees.
 */
#define _GNU_SOURCE
#include "librseq.h"

#include <rseqkit/arch/arch.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "../../src/registration/thread_pointer.h"

extern const ptrdiff_t __rseq_offset __attribute__((__weak__));
extern const unsigned int __rseq_size __attribute__((__weak__));

static __thread struct {
	uint32_t words[8];
} __rseq_abi __attribute__((__aligned__(32), __tls_model__("initial-exec"), __used__)) = {.words[1] = UINT32_MAX};

ptrdiff_t rseq_offset;
unsigned int rseq_size = UINT32_MAX; /* until it is initialised; then 0 until a thread is registered */

static int libc_registers(void)
{
	return &__rseq_size != NULL && __rseq_size != 0;
}

__attribute__((__constructor__)) static void initialise(void)
{
	rseq_offset = libc_registers() ? __rseq_offset : (char *)&__rseq_abi - rk_thread_pointer();
	rseq_size = libc_registers() ? __rseq_size : 0;
}

int rseq_register_current_thread(void)
{
	if (libc_registers())
		return 0;
	if (syscall(SYS_rseq, &__rseq_abi, sizeof(__rseq_abi), 0, RK_SIGNATURE) != 0)
		return -1;
	rseq_size = 28;
	return 0;
}
