/* SPDX-License-Identifier: MIT */
/*
 * dynamic.c - a module whose __rseq_abi is in dynamic TLS, so that it has no one offset from the thread pointer. It can
 * be nobody's area, and nobody may fail because it is there.
 */
#include <rseqkit/abi.h>

__attribute__((__visibility__("default"), __tls_model__("global-dynamic"))) __thread struct rk_area __rseq_abi = {
	.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED,
};
__attribute__((__visibility__("default"), __tls_model__("global-dynamic"))) __thread uint32_t __rseq_refcount;

/* Whoever touches it makes the dynamic linker allocate it: from then on it can't become static. */
__attribute__((__visibility__("default"))) uint32_t dynamic_count(void)
{
	return __rseq_refcount + *(const volatile uint32_t *)&__rseq_abi.cpu_id;
}
