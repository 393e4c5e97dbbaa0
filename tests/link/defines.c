/* SPDX-License-Identifier: MIT */
/*
 * defines.c - a component defines __rseq_abi in the translation unit that also looks up this symbol. With link-time
 * optimisation all translation units of a program become one. Exits with 0 if the lookup finds the symbol's address.
 */
#include <rseqkit/embed.h>

extern __thread struct rke_area __rseq_abi;
__thread struct rke_area __rseq_abi __attribute__((__used__));

int main(void)
{
	return rke_offset_of_area() == (const char *)&__rseq_abi - (const char *)rke_thread_pointer() ? 0 : 1;
}
