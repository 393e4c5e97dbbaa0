/* SPDX-License-Identifier: MIT */
/* x86_64_classic.h - the contender `classic` on 64-bit x86. ../classic.h says what it is. */
#ifndef RK_BENCH_ARCH_X86_64_CLASSIC_H
#define RK_BENCH_ARCH_X86_64_CLASSIC_H

#define BENCH_HAVE_CLASSIC 1

#if !defined(__PIC__) && !defined(__PIE__) && defined(__code_model_small__)
#define CLASSIC_STORE_DESCRIPTOR "movq $.Lcs%=, %%fs:8(%[area])\n\t"
#else
#define CLASSIC_STORE_DESCRIPTOR "leaq .Lcs%=(%%rip), %%rax\n\tmovq %%rax, %%fs:8(%[area])\n\t"
#endif

#define CLASSIC_SECTION(name) ".pushsection " name ", \"awo?\", @progbits, .Lop%=\n\t"

/*
 * An entry of the table of private stores. These are stores before the commit, to memory that no other thread reads
 * (doc/sections.md).
 */
#define CLASSIC_DECLARE(from, to)                                                                                      \
	".pushsection __rseq_private_store_array, \"ao?\", @progbits, .Lop%=\n\t"                                      \
	".long " from " - .\n\t.long " to " - .\n\t.popsection\n\t"
#define CLASSIC_PRIVATE(code) "772:\n\t" code "773:\n\t" CLASSIC_DECLARE("772b", "773b")

/* An entry of the table of exit points: an exit of the section other than its end. */
#define CLASSIC_EXIT(label)                                                                                            \
	CLASSIC_SECTION("__rseq_exit_point_array")                                                                     \
	".quad .Lstart%=, %l[" #label "]\n\t"                                                                          \
	".popsection\n\t"

/*
 * The beginning of an operation, from the tables to the comparison of the CPU. `exits` are further CLASSIC_EXIT entries, in
 * addition to the entry for `again`.
 */
#define CLASSIC_BEGIN(exits)                                                                                           \
	".Lop%=:\n\t"                                                                                                  \
	CLASSIC_SECTION("__rseq_cs")                                                                                   \
	".balign 32\n\t"                                                                                               \
	".Lcs%=:\n\t"                                                                                                  \
	".long 0, 0\n\t"                                                                                               \
	".quad .Lstart%=, .Lend%= - .Lstart%=, .Labort%=\n\t"                                                          \
	".popsection\n\t"                                                                                              \
	CLASSIC_SECTION("__rseq_cs_ptr_array")                                                                         \
	".quad .Lcs%=\n\t"                                                                                             \
	".popsection\n\t"                                                                                              \
	CLASSIC_DECLARE(".Lstart%=", ".Lstart%=") CLASSIC_EXIT(again) exits                                            \
	CLASSIC_STORE_DESCRIPTOR                                                                                       \
	".Lstart%=:\n\t"                                                                                               \
	"cmpl %[cpu], %%fs:4(%[area])\n\t"                                                                             \
	"jne %l[again]\n\t"

/* The end of an operation. It comes directly after the commit. */
#define CLASSIC_END                                                                                                    \
	".Lend%=:\n\t"                                                                                                 \
	".subsection 1\n\t"                                                                                            \
	".byte 0x0f, 0xb9, 0x3d\n\t"                                                                                   \
	".long " RKI_ASM_STR(RK_SIGNATURE) "\n"                                                                        \
	".Labort%=:\n\t"                                                                                               \
	"jmp %l[again]\n\t"                                                                                            \
	".subsection 0\n\t"

#define CLASSIC_COPY_WORD(at)                                                                                          \
	"movq " #at "(%[source]), %%rcx\n\t" CLASSIC_PRIVATE("movq %%rcx, " #at "(%[target])\n\t")

#define CLASSIC_INPUTS [area] "r"(rk_area_offset), [cpu] "r"(cpu), [slot] "r"(slot)

/*
 * The operations below return RK_DONE, or RK_ABORTED if the thread was aborted or had migrated. They return RK_UNEQUAL as the
 * library's operations do. If the result isn't RK_DONE, nothing was committed.
 */
static inline uint32_t classic_cpu(void)
{
	uint32_t cpu;

	__asm__ __volatile__("movl %%fs:0(%[area]), %[cpu]" : [cpu] "=r"(cpu) : [area] "r"(rk_area_offset));
	return cpu;
}

static inline intptr_t *classic_slot(void *base, uint32_t cpu)
{
	return (intptr_t *)((char *)base + ((uint64_t)cpu << RK_STRIDE_SHIFT));
}

/* Adds `value` to this CPU's slot. */
static inline enum rk_result classic_try_add(void *base, int64_t value)
{
	uint32_t cpu = classic_cpu();
	intptr_t *slot = classic_slot(base, cpu);

	if (RK_IMMEDIATE(value))
		__asm__ __volatile__ goto(CLASSIC_BEGIN("")
					  "addq %[value], (%[slot])\n"
					  CLASSIC_END
					  :
					  : CLASSIC_INPUTS, [value] "er"(value)
					  : "memory", "cc", "rax"
					  : again);
	else
		__asm__ __volatile__ goto(CLASSIC_BEGIN("")
					  "movq (%[slot]), %%rcx\n\t"
					  "addq %[value], %%rcx\n\t"
					  "movq %%rcx, (%[slot])\n"
					  CLASSIC_END
					  :
					  : CLASSIC_INPUTS, [value] "er"(value)
					  : "memory", "cc", "rax", "rcx"
					  : again);
	return RK_DONE;
again:
	return RK_ABORTED;
}

static inline void classic_add(void *base, int64_t value)
{
	while (RKI_UNLIKELY(classic_try_add(base, value) != RK_DONE))
		;
}

/* Pops the first node from this CPU's list. A node's first word is its link. Returns RK_UNEQUAL if the list is empty. */
static inline enum rk_result classic_try_pop(void *base, void **node)
{
	uint32_t cpu = classic_cpu();
	intptr_t *slot = classic_slot(base, cpu);

	__asm__ __volatile__ goto(CLASSIC_BEGIN(CLASSIC_EXIT(empty))
				  "movq (%[slot]), %%rcx\n\t"
				  "testq %%rcx, %%rcx\n\t"
				  "jz %l[empty]\n\t"
				  CLASSIC_PRIVATE("movq %%rcx, (%[node])\n\t")
				  "movq (%%rcx), %%rcx\n\t"
				  "movq %%rcx, (%[slot])\n"
				  CLASSIC_END
				  :
				  : CLASSIC_INPUTS, [node] "r"(node)
				  : "memory", "cc", "rax", "rcx"
				  : again, empty);
	return RK_DONE;
empty:
	return RK_UNEQUAL;
again:
	return RK_ABORTED;
}

/* Pushes a node to the front of this CPU's list. */
static inline enum rk_result classic_try_push(void *base, void *node)
{
	uint32_t cpu = classic_cpu();
	intptr_t *slot = classic_slot(base, cpu);

	__asm__ __volatile__ goto(CLASSIC_BEGIN("")
				  "movq (%[slot]), %%rcx\n\t"
				  CLASSIC_PRIVATE("movq %%rcx, (%[node])\n\t")
				  "movq %[node], (%[slot])\n"
				  CLASSIC_END
				  :
				  : CLASSIC_INPUTS, [node] "r"(node)
				  : "memory", "cc", "rax", "rcx"
				  : again);
	return RK_DONE;
again:
	return RK_ABORTED;
}

/*
 * If this CPU's slot has the value `expected`, copies five words to the slot's address plus `offset`, and then stores `value` in
 * the slot. `length` is 40. If the slot has another value, returns RK_UNEQUAL.
 */
static inline enum rk_result classic_try_copy(void *base, intptr_t expected, ptrdiff_t offset, const void *source,
					      size_t length, intptr_t value)
{
	uint32_t cpu = classic_cpu();
	intptr_t *slot = classic_slot(base, cpu);

	(void)length;
	__asm__ __volatile__ goto(CLASSIC_BEGIN(CLASSIC_EXIT(unequal))
				  "cmpq %[expected], (%[slot])\n\t"
				  "jne %l[unequal]\n\t"
				  CLASSIC_COPY_WORD(0) CLASSIC_COPY_WORD(8) CLASSIC_COPY_WORD(16) CLASSIC_COPY_WORD(24)
				  CLASSIC_COPY_WORD(32)
				  "movq %[value], (%[slot])\n"
				  CLASSIC_END
				  :
				  : CLASSIC_INPUTS, [expected] "er"(expected), [value] "er"(value), [source] "r"(source),
				    [target] "r"((char *)slot + offset)
				  : "memory", "cc", "rax", "rcx"
				  : again, unequal);
	return RK_DONE;
unequal:
	return RK_UNEQUAL;
again:
	return RK_ABORTED;
}

#endif /* RK_BENCH_ARCH_X86_64_CLASSIC_H */
