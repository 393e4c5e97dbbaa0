/* SPDX-License-Identifier: MIT */
/*
 * hand.c - critical sections in assembly, without the library, for tests of `rseqkit torture`. x86-64 only.
 *
 * usage: hand NAME    adds by this operation; exits with 1 if the count isn't exact
 *
 * Built as a module, it exports the function use(), and can be unloaded. With OTHER its section has one instruction more.
 */
#define _GNU_SOURCE
#include <linux/rseq.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int use(void);
long ptrace(long request);

#if defined(__x86_64__)

#ifdef OTHER
#define MORE "nop\n\t"
#else
#define MORE ""
#endif

extern const ptrdiff_t __rseq_offset __attribute__((weak));
enum { FIRST = 100 };
static int64_t counts[3] = {FIRST};
static __thread int64_t scratch;

#define DESCRIPTOR(label, abort) #label ": .long 0, 0\n\t.quad 1f, 2f - 1f, " abort "\n\t"

/*
 * A section with the instructions `body`, its descriptors and its abort handler. Operand 1 is the address of the count, and
 * operand 2 is 1. The body is allowed to use registers rcx and rdi.
 */
#define SECTION(descriptors, body, handler)                                                                             \
	__asm__ __volatile__ goto(".pushsection __rseq_cs, \"aw\"\n\t.balign 32\n\t" descriptors ".popsection\n\t"       \
				  "leaq 3b(%%rip), %%rax\n\t"                                                            \
				  "movq %%rax, 8(%0)\n"                                                                  \
				  "1:\n\t" MORE body "2:\n\t"                                                           \
				  "jmp 5f\n\t"                                                                           \
				  ".byte 0x0f, 0xb9, 0x3d\n\t"                                                           \
				  ".long 0x53053053\n"                                                                   \
				  "4: " handler "\n"                                                                     \
				  "5:\n"                                                                                 \
				  :                                                                                      \
				  : "r"(area), "r"(counts), "r"(step)                                                    \
				  : "rax", "rcx", "rdi", "cc", "memory"                                                  \
				  : aborted)

/* An operation that adds 1 to the count, and tries again after an abort. */
#define OPERATION(name, descriptors, body, handler)                                                                     \
	static void name(struct rseq *area, int64_t step)                                                               \
	{                                                                                                              \
	aborted:                                                                                                       \
		SECTION(descriptors, body, handler);                                                                   \
	}

#define ADD "nop\n\tincq (%1)\n"

/* Two descriptors describe the same instructions. The section stores the address of the second one in rseq_cs. */
OPERATION(twice, DESCRIPTOR(6, "4f") DESCRIPTOR(3, "4f"), ADD, "jmp %l[aborted]")

OPERATION(twice_again, DESCRIPTOR(6, "4f") DESCRIPTOR(3, "4f"), ADD, "jmp %l[aborted]")

/* The abort handler saves the flags. */
OPERATION(pushes, DESCRIPTOR(3, "4f"), ADD, "pushfq\n\tpopfq\n\tjmp %l[aborted]")

/* The section changes a register that it only declares as an input, so another try adds another number. */
OPERATION(clobbers, DESCRIPTOR(3, "4f"), "addq (%1), %2\n\tmovq %2, (%1)\n", "jmp %l[aborted]")

/* The abort handler jumps to the middle of the section, so it uses a count that was loaded before the abort. */
OPERATION(middle, DESCRIPTOR(3, "4f"), "movq (%1), %%rcx\n7:\tincq %%rcx\n\tmovq %%rcx, (%1)\n", "jmp 7b")

/* Before their commit, these sections store to the words that follow the count, so other threads see these stores too early. */
#define LOAD_COUNT "movq (%1), %%rcx\n\t"
OPERATION(repeats, DESCRIPTOR(3, "4f"), "leaq 8(%1), %%rdi\n\tmovq (%1), %%rax\n\tmovl $2, %%ecx\n\trep stosq\n\tincq (%1)\n",
	  "jmp %l[aborted]")
OPERATION(by_segment, DESCRIPTOR(3, "4f"),
	  LOAD_COUNT "leaq 8(%1), %%rdi\n\tsubq %%fs:0, %%rdi\n\tmovq %%rcx, %%fs:(%%rdi)\n\tincq (%1)\n", "jmp %l[aborted]")

/* Operand 2 is the address of thread-local memory, which no other thread sees. */
OPERATION(local, DESCRIPTOR(3, "4f"), LOAD_COUNT "movq %%rcx, (%2)\n\tincq (%1)\n", "jmp %l[aborted]")

/* The abort handler runs another section. A third section follows in any case. */
static void nests(struct rseq *area, int64_t step)
{
	goto begin;
aborted:
	twice(area, step);
	counts[0]--;
begin:
	SECTION(DESCRIPTOR(3, "4f"), ADD, "jmp %l[aborted]");
	twice_again(area, step);
	counts[0]--;
}

static const struct {
	const char *name;
	void (*add)(struct rseq *area, int64_t step);
} operations[] = {{"twice", twice}, {"pushes", pushes}, {"clobbers", clobbers}, {"middle", middle},
		  {"repeats", repeats}, {"by-segment", by_segment}, {"local", local}, {"nests", nests}};

static int run(void (*add)(struct rseq *area, int64_t step), int64_t rounds)
{
	struct rseq *area;

	if (&__rseq_offset == NULL)
		return 77;
	area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	counts[0] = FIRST;
	for (int64_t i = 0; i < rounds; i++)
		add(area, add == local ? (int64_t)(intptr_t)&scratch : 1);
	*(volatile __u64 *)&area->rseq_cs = 0; /* so that the module can be unloaded */
	return counts[0] != FIRST + rounds;
}

int use(void)
{
	return run(twice, 1000);
}

/* The program's own function has the name of a function of the C library. */
long ptrace(long request)
{
	return request;
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "own-ptrace") == 0)
		return ptrace(0) != 0 || run(twice, 1000) != 0;
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (argc > 1 && strcmp(argv[1], operations[i].name) == 0)
			return run(operations[i].add, 1000);
	return 77;
}

#else

long ptrace(long request)
{
	return request;
}

int use(void)
{
	return 77;
}

int main(void)
{
	return 77;
}

#endif
