/* SPDX-License-Identifier: MIT */
/*
 * classic.h - the contender `classic`: an add in the shape that users of rseq know.
 *
 * Read cpu_id_start, compute the slot from it in C, then enter the section: store the descriptor, compare cpu_id with
 * what was read, add. It is written by hand, apart from the library's primitives, so that it stays the same when they
 * change; and at its best: the offset is a constant that the compiler hoists out of loops, the descriptor's address
 * is an immediate where the code model allows it, the slot is an addressing mode, the add is one instruction on
 * memory.
 */
#ifndef RK_BENCH_CLASSIC_H
#define RK_BENCH_CLASSIC_H

#include <rseqkit/ops.h>

#if defined(__x86_64__) && RK_HAVE_SECTIONS
#define BENCH_HAVE_CLASSIC 1

#if !defined(__PIC__) && !defined(__PIE__) && defined(__code_model_small__)
#define CLASSIC_STORE_DESCRIPTOR "movq $.Lcs%=, %%fs:8(%[area])\n\t"
#else
#define CLASSIC_STORE_DESCRIPTOR "leaq .Lcs%=(%%rip), %%rax\n\tmovq %%rax, %%fs:8(%[area])\n\t"
#endif

/* Adds to the slot of the CPU it runs on; false if it was aborted or had migrated, and then nothing was done. */
static inline bool classic_try_add(void *base, int64_t value)
{
	uint32_t cpu;
	uint64_t *slot;

	__asm__ __volatile__("movl %%fs:0(%[area]), %[cpu]" : [cpu] "=r"(cpu) : [area] "r"(rk_area_offset));
	slot = (uint64_t *)((char *)base + ((uint64_t)cpu << RK_STRIDE_SHIFT));
	__asm__ __volatile__ goto(".Lop%=:\n\t"
				  ".pushsection __rseq_cs, \"awo?\", @progbits, .Lop%=\n\t"
				  ".balign 32\n\t"
				  ".Lcs%=:\n\t"
				  ".long 0, 0\n\t"
				  ".quad .Lstart%=, .Lend%= - .Lstart%=, .Labort%=\n\t"
				  ".popsection\n\t"
				  ".pushsection __rseq_cs_ptr_array, \"awo?\", @progbits, .Lop%=\n\t"
				  ".quad .Lcs%=\n\t"
				  ".popsection\n\t"
				  ".pushsection __rseq_exit_point_array, \"awo?\", @progbits, .Lop%=\n\t"
				  ".quad .Lstart%=, %l[again]\n\t"
				  ".popsection\n\t"
				  CLASSIC_STORE_DESCRIPTOR
				  ".Lstart%=:\n\t"
				  "cmpl %[cpu], %%fs:4(%[area])\n\t"
				  "jne %l[again]\n\t"
				  "addq %[value], %[slot]\n"
				  ".Lend%=:\n\t"
				  ".subsection 1\n\t"
				  ".byte 0x0f, 0xb9, 0x3d\n\t"
				  ".long " RK_ASM_STR(RK_SIGNATURE) "\n"
				  ".Labort%=:\n\t"
				  "jmp %l[again]\n\t"
				  ".subsection 0\n\t"
				  :
				  : [area] "r"(rk_area_offset), [cpu] "r"(cpu), [slot] "m"(*slot), [value] "er"(value)
				  : "memory", "cc", "rax"
				  : again);
	return true;
again:
	return false;
}

static inline void classic_add(void *base, int64_t value)
{
	while (RK_UNLIKELY(!classic_try_add(base, value)))
		;
}
#else
#define BENCH_HAVE_CLASSIC 0
#endif

#endif /* RK_BENCH_CLASSIC_H */
