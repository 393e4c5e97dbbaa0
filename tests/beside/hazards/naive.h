/* SPDX-License-Identifier: MIT */
/*
 * naive.h - the code of a component that knows nothing of this library and has no safeguards: its own system calls, its own
 * critical section, no protocol.
 */
#ifndef NAIVE_H
#define NAIVE_H

#include "quiet.h"
#include "test.h"

/* How the programs of this directory end if no signal kills them; see hazards.c. */
enum ending {
	RIGHT = 0,
	/* CHECK exits with 1: an expectation of the program failed. */
	USAGE = 2,
	LOST = 3,    /* increments are missing */
	REFUSED = 4, /* the kernel refused a registration */
	WRONG = 5,   /* a wrong value */
	WRITTEN = 6, /* the kernel changed memory that is no area any more */
	UNLOADABLE = 7, /* the dynamic linker refused to load a module */
	CANNOT = 77  /* impossible on this kernel or machine */
};

struct naive_area {
	struct rk_area area;
} __attribute__((__aligned__(32)));

/*
 * The library finds components by the number of the system call in their code (src/thread/callers.h). These programs show what
 * happens if the library doesn't find the component, so its code doesn't have the number.
 */
static inline int naive_rseq(volatile void *area, uint32_t length, int flags, uint32_t signature)
{
	return syscall(quiet_rseq(), area, length, flags, signature) == 0 ? 0 : -errno;
}

/* The section: from the store of the descriptor's address (label 3) to the jump after an abort. */
#if defined(__x86_64__)
#define NAIVE_CLOBBERS "cc", "rax", "rcx"
#define NAIVE_SECTION                                                                                                  \
	"leaq 3b(%%rip), %%rax\n\t"                                                                                    \
	"movq %%rax, 8(%[area])\n"                                                                                     \
	"1:\tcmpl $0, (%[sign])\n\t"                                                                                   \
	"js %l[none]\n\t"                                                                                             \
	"movslq (%[index]), %%rax\n\t"                                                                                \
	"movq (%[slots], %%rax, 8), %%rcx\n\t"                                                                        \
	"incq %%rcx\n\t"                                                                                              \
	"movq %%rcx, (%[slots], %%rax, 8)\n"                                                                          \
	"2:\n\t"                                                                                                      \
	".subsection 1\n\t"                                                                                           \
	".byte 0x0f, 0xb9, 0x3d\n\t"                                                                                  \
	".long 0x53053053\n"                                                                                          \
	"4:\tjmp %l[again]\n\t"
#elif defined(__aarch64__)
#define NAIVE_CLOBBERS "cc", "x16", "x17"
#define NAIVE_SECTION                                                                                                  \
	"adrp x16, 3b\n\t"                                                                                            \
	"add x16, x16, :lo12:3b\n\t"                                                                                  \
	"str x16, [%[area], #8]\n"                                                                                    \
	"1:\tldr w16, [%[sign]]\n\t"                                                                                  \
	"cmp w16, #0\n\t"                                                                                             \
	"b.lt %l[none]\n\t"                                                                                           \
	"ldrsw x16, [%[index]]\n\t"                                                                                   \
	"ldr x17, [%[slots], x16, lsl #3]\n\t"                                                                        \
	"add x17, x17, #1\n\t"                                                                                        \
	"str x17, [%[slots], x16, lsl #3]\n"                                                                          \
	"2:\n\t"                                                                                                      \
	".subsection 1\n\t"                                                                                           \
	".inst 0xd428bc00\n"                                                                                          \
	"4:\tb %l[again]\n\t"
#endif

/*
 * Adds 1 to slots[*index] in a section of three steps: load, increment, store. Repeats until it commits. If the section finds
 * *sign negative, returns false and stores nothing.
 */
__attribute__((__noinline__, __unused__)) static bool naive_add(volatile struct rk_area *area,
								const volatile uint32_t *sign,
								const volatile uint32_t *index, int64_t *slots)
{
again:
	__asm__ __volatile__ goto(".pushsection naive_cs, \"aw\"\n\t"
				  ".balign 32\n"
				  "3:\t.long 0, 0\n\t"
				  ".quad 1f, 2f - 1f, 4f\n\t"
				  ".popsection\n\t"
				  NAIVE_SECTION
				  ".subsection 0\n\t"
				  :
				  : [area] "r"(area), [sign] "r"(sign), [index] "r"(index), [slots] "r"(slots)
				  : "memory", NAIVE_CLOBBERS
				  : again, none);
	return true;
none:
	return false;
}

#endif /* NAIVE_H */
