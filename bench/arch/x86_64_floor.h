/* SPDX-License-Identifier: MIT */
/* x86_64_floor.h - the contender `floor` on 64-bit x86. ../floor.h says what it is. */
#ifndef RK_BENCH_ARCH_X86_64_FLOOR_H
#define RK_BENCH_ARCH_X86_64_FLOOR_H

#define BENCH_HAVE_FLOOR 1

/*
 * In a position-independent program a section needs an instruction that computes its descriptor's address. The floor therefore
 * has such an instruction, too, although it doesn't use the result.
 */
#if defined(__PIC__) || defined(__PIE__)
#define FLOOR_DESCRIPTOR "leaq 0(%%rip), %%rax\n\t"
#else
#define FLOOR_DESCRIPTOR
#endif

/* Computes the slot's address in rax. */
#define FLOOR_SLOT                                                                                                     \
	FLOOR_DESCRIPTOR                                                                                               \
	"movq $0, %%fs:8(%[area])\n\t"                                                                                 \
	"movl %%fs:4(%[area]), %%eax\n\t"                                                                              \
	"shlq $" RKI_ASM_STR(RK_STRIDE_SHIFT) ", %%rax\n\t"                                                            \
	"addq %[base], %%rax\n\t"

#define FLOOR_INPUTS [area] "r"(rk_area_offset), [base] "r"(base)

static inline void floor_add(void *base, int64_t value)
{
	if (RK_IMMEDIATE(value))
		__asm__ __volatile__(FLOOR_SLOT "addq %[value], (%%rax)"
				     :
				     : FLOOR_INPUTS, [value] "er"(value)
				     : "memory", "cc", "rax");
	else
		__asm__ __volatile__(FLOOR_SLOT "movq (%%rax), %%rcx\n\t"
						"addq %[value], %%rcx\n\t"
						"movq %%rcx, (%%rax)"
				     :
				     : FLOOR_INPUTS, [value] "er"(value)
				     : "memory", "cc", "rax", "rcx");
}

static inline volatile intptr_t *floor_slot(void *base)
{
	volatile intptr_t *slot;

	__asm__ __volatile__(FLOOR_SLOT : "=&a"(slot) : FLOOR_INPUTS : "memory", "cc");
	return slot;
}

static inline enum rk_result floor_pop(void *base, void **node)
{
	volatile intptr_t *slot = floor_slot(base);
	intptr_t popped = *slot;

	if (RKI_UNLIKELY(popped == 0))
		return RK_UNEQUAL;
	*slot = *(volatile intptr_t *)popped;
	*node = (void *)popped;
	return RK_DONE;
}

static inline enum rk_result floor_push(void *base, void *node)
{
	volatile intptr_t *slot = floor_slot(base);

	*(volatile intptr_t *)node = *slot;
	*slot = (intptr_t)node;
	return RK_DONE;
}

#endif /* RK_BENCH_ARCH_X86_64_FLOOR_H */
