/* SPDX-License-Identifier: MIT */
/*
 * hand.c - sections that are written by hand, without the library, for tests of `rseqkit torture`. x86-64 only.
 *
 * usage: hand twice|pushes [ROUNDS]    exits with 1 if the count isn't exact
 *
 * As a module it has the function use(), and can be unloaded. With OTHER its section has one instruction more.
 */
#define _GNU_SOURCE
#include <linux/rseq.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int use(void);

#if defined(__x86_64__)

#ifdef OTHER
#define MORE "nop\n\t"
#else
#define MORE ""
#endif

extern const ptrdiff_t __rseq_offset __attribute__((weak));
static int64_t count;

#define DESCRIPTOR(label, abort) #label ": .long 0, 0\n\t.quad 1f, 2f - 1f, " abort "\n\t"

/* Adds 1 to the count in a section, which has the descriptors and the abort handler's first instructions. Returns 0 if it did. */
#define SECTION(descriptors, handler)                                                                                   \
	__asm__ __volatile__ goto(".pushsection __rseq_cs, \"aw\"\n\t.balign 32\n\t" descriptors ".popsection\n\t"       \
				  "leaq 3b(%%rip), %%rax\n\t"                                                            \
				  "movq %%rax, 8(%0)\n"                                                                  \
				  "1:\n\t"                                                                               \
				  "nop\n\t" MORE                                                                         \
				  "incq (%1)\n"                                                                          \
				  "2:\n\t"                                                                               \
				  "jmp 5f\n\t"                                                                           \
				  ".byte 0x0f, 0xb9, 0x3d\n\t"                                                           \
				  ".long 0x53053053\n"                                                                   \
				  "4: " handler "jmp %l[aborted]\n"                                                      \
				  "5:\n"                                                                                 \
				  :                                                                                      \
				  : "r"(area), "r"(&count)                                                               \
				  : "rax", "cc", "memory"                                                                \
				  : aborted)

/* The section is armed by the second of two descriptors of the same range. */
static int twice(struct rseq *area)
{
	SECTION(DESCRIPTOR(6, "4f") DESCRIPTOR(3, "4f"), "");
	return 0;
aborted:
	return 1;
}

/* The abort handler saves the flags. */
static int pushes(struct rseq *area)
{
	SECTION(DESCRIPTOR(3, "4f"), "pushfq\n\tpopfq\n\t");
	return 0;
aborted:
	return 1;
}

static int run(int (*add)(struct rseq *area), int64_t rounds)
{
	struct rseq *area;

	if (&__rseq_offset == NULL)
		return 77;
	area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	for (int64_t i = 0; i < rounds; i++)
		while (add(area) != 0)
			continue;
	*(volatile __u64 *)&area->rseq_cs = 0; /* the module can be unloaded */
	return count != rounds;
}

int use(void)
{
	return run(twice, 1000);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 77;
	return run(strcmp(argv[1], "twice") == 0 ? twice : pushes, argc > 2 ? atoll(argv[2]) : 1000);
}

#else

int use(void)
{
	return 77;
}

int main(void)
{
	return 77;
}

#endif
