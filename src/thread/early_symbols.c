/* SPDX-License-Identifier: MIT */
/*
 * early_symbols.c - defines the early adopters' symbols __rseq_abi and __rseq_refcount (early.h), in librseqkit-early.a, for
 * programs that need them.
 *
 * librseqkit itself doesn't define the symbols. A definition in librseqkit could replace that of another component, which
 * relies on the place of its own __rseq_abi. Both symbols are strong and visible, because they are an ABI between the modules
 * of a process. The count __rseq_refcount isn't inside the struct rseq, because the kernel writes to the whole struct.
 */
#include <rseqkit/abi.h>
#include "arch/arch.h"

/* The symbol isn't found at offset 0 (embed.h). If a program's TLS begins at the thread pointer, this is there instead. */
#if RK_TLS_AT_POINTER
__asm__(".section .tdata, \"awT\", %progbits\n\t.zero 32\n\t.previous");
#endif

#define PROTOCOL __attribute__((__tls_model__("initial-exec"), __visibility__("default"), __used__))

extern __thread struct rk_area __rseq_abi;
extern __thread uint32_t __rseq_refcount;

__thread struct rk_area __rseq_abi PROTOCOL __attribute__((__aligned__(32))) = {
	.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED,
};
__thread uint32_t __rseq_refcount PROTOCOL;
