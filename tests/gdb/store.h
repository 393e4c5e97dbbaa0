/* SPDX-License-Identifier: MIT */
/*
 * store.h - the critical section that passes.c and its module (module.c) share. The section is in a function whose name is the
 * macro STORE, and has the tables that debuggers read. The section's labels are symbols, so the test finds the same places with
 * every compiler.
 */
#include <rseqkit/arch/arch.h>
#include <stddef.h>

extern const ptrdiff_t __rseq_offset __attribute__((__weak__));

#ifdef __clang__
#define NOT_INLINE __attribute__((__noinline__))
#else
#define NOT_INLINE __attribute__((__noipa__))
#endif

#ifdef __x86_64__
#define USED "rax", "memory", "cc"
#define BODY                                                                                                           \
	"leaq 1b(%%rip), %%rax\n\t"                                                                                    \
	"store_begin: movq %%rax, %%fs:8(%[area])\n"                                                                   \
	"2: store_start:\n\t"                                                                                          \
	"cmpl $0, %%fs:4(%[area])\n\t"                                                                                 \
	"js 6f\n\t"                                                                                                    \
	"cmpq %[expected], (%[word])\n\t"                                                                              \
	"jne 6f\n\t"                                                                                                   \
	"movq %[desired], (%[word])\n"                                                                                 \
	"3: store_end:\n\t"                                                                                            \
	"jmp 5f\n\t"                                                                                                   \
	".byte 0x0f, 0xb9, 0x3d\n\t"                                                                                   \
	".long 0x53053053\n"                                                                                           \
	"4: store_abort: jmp %l[aborted]\n"                                                                            \
	"6: store_exit: jmp %l[unequal]\n"                                                                             \
	"5:\n\t"
#else
#define USED "x16", "x17", "memory", "cc"
#define BODY                                                                                                           \
	"mrs x17, tpidr_el0\n\t"                                                                                       \
	"add x17, x17, %[area]\n\t"                                                                                    \
	"adrp x16, 1b\n\t"                                                                                             \
	"add x16, x16, :lo12:1b\n\t"                                                                                   \
	"store_begin: str x16, [x17, #8]\n"                                                                            \
	"2: store_start:\n\t"                                                                                          \
	"ldr w16, [x17, #4]\n\t"                                                                                       \
	"tbnz w16, #31, 6f\n\t"                                                                                        \
	"ldr x16, [%[word]]\n\t"                                                                                       \
	"cmp x16, %[expected]\n\t"                                                                                     \
	"b.ne 6f\n\t"                                                                                                  \
	"str %[desired], [%[word]]\n"                                                                                  \
	"3: store_end:\n\t"                                                                                            \
	"b 5f\n\t"                                                                                                     \
	".inst 0xd428bc00\n"                                                                                           \
	"4: store_abort: b %l[aborted]\n"                                                                              \
	"6: store_exit: b %l[unequal]\n"                                                                               \
	"5:\n\t"
#endif

/* Stores `desired` if the word is `expected`, and returns 1. Otherwise returns 2. Returns 3 after an abort. */
NOT_INLINE int STORE(long *word, long expected, long desired);
NOT_INLINE int STORE(long *word, long expected, long desired)
{
	ptrdiff_t area = __rseq_offset;

	__asm__ volatile goto(
		".pushsection __rseq_cs, \"aw\"\n\t"
		".balign 32\n"
		"1: .long 0, 0\n\t"
		".quad 2f, 3f - 2f, 4f\n\t"
		".popsection\n\t"
		".pushsection __rseq_cs_ptr_array, \"aw\"\n\t"
		".quad 1b\n\t"
		".popsection\n\t"
		".pushsection __rseq_exit_point_array, \"aw\"\n\t"
		".quad 2f, 6f\n\t"
		".popsection\n\t" BODY
		:
		: [area] "r"(area), [word] "r"(word), [expected] "r"(expected), [desired] "r"(desired)
		: USED
		: unequal, aborted);
	return 1;
unequal:
	return 2;
aborted:
	return 3;
}
