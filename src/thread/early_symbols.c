/* SPDX-License-Identifier: MIT */
/*
 * early_symbols.c - the definitions of the public TLS protocol, in librseqkit-early.a, for programs that need them.
 *
 * The definitions aren't part of librseqkit. Another component that defines __rseq_abi possibly relies on the place of its
 * own symbol. Our definition would take that symbol's place. Both symbols are strong and visible, because they are an ABI
 * between the modules of a process. The count isn't inside the area, because the kernel writes to the whole area.
 */
#include <rseqkit/abi.h>

#define PROTOCOL __attribute__((__tls_model__("initial-exec"), __visibility__("default"), __used__))

extern __thread struct rk_area __rseq_abi;
extern __thread uint32_t __rseq_refcount;

__thread struct rk_area __rseq_abi PROTOCOL __attribute__((__aligned__(32))) = {
	.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED,
};
__thread uint32_t __rseq_refcount PROTOCOL;
