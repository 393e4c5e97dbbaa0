/* SPDX-License-Identifier: MIT */
/* adopter.c - defines the area of the public TLS protocol, without a count, as an allocator does. Something else is first in TLS. */
#include <rseqkit/abi.h>

extern __thread struct rk_area __rseq_abi;
__thread struct rk_area __rseq_abi __attribute__((__aligned__(32))) = {.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED};

void *address_of_area(void);

void *address_of_area(void)
{
	return (void *)&__rseq_abi;
}
