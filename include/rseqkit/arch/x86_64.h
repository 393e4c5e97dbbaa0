/* SPDX-License-Identifier: MIT */
/*
 * x86_64.h - the primitives of a critical section on x86-64.
 *
 * An operation (ops_body.h) is a string of these, in this order:
 *
 *   RK_ASM_EXIT(label)       one table entry per way out that isn't the end
 *   RK_ASM_INDEX_*           load the index into the temporary, leave if the thread has no rseq, scale it
 *   ...                      loads, compares, private stores
 *   RK_ASM_COMMIT_*          the one store that others can see; the section's end label is inside it
 *
 * RK_SECTION puts around them what every section has: the descriptor and its entries in the tables that debuggers
 * and binary tools read, the store that begins it, and the abort handler, out of line, behind its signature.
 *
 * Between begin and commit nothing may change an input (a retry needs it), store to memory that others can see, call,
 * or enter the kernel. The temporary is rax; %fs is applied inside the section, so a fiber that moved to another
 * thread between two operations keeps no stale area.
 *
 * The form of each primitive is the fastest of those that were tried (bench/METHOD.md says how). What a section costs
 * at least are its two stores, to the area and to the slot. AMD's Zen 4 commits stores to two cache lines in two
 * cycles, and there all forms take just that; on a processor that commits them in one:
 *   - the descriptor's address as an immediate where the code model allows it, else lea: one instruction fewer;
 *   - `add` to memory in place against load, add, store: a fifth faster;
 *   - `movl; testl; js; shl` against `movslq; shl; js`: the longer one is faster, the sign extension costs a cycle;
 *   - %fs:offset(register) against a pointer to the area kept in a register: the segment wins or ties.
 * Storing the descriptor only if the area doesn't hold it already gains a fifth in a loop of one section, and costs
 * three quarters more as soon as two sections alternate.
 */
#ifndef RSEQKIT_ARCH_X86_64_H
#define RSEQKIT_ARCH_X86_64_H

#include <rseqkit/abi.h>

#define RK_HAVE_SECTIONS 1

#define RK_ASM_STR_(x) #x
#define RK_ASM_STR(x) RK_ASM_STR_(x)

/*
 * Numbered by %=, which is unique in every emitted copy of an asm statement: 0 operation, 1 start, 2 end, 3
 * descriptor, 4 abort, 5 loop.
 */
#define RK_ASM_L(n) ".Lrk" #n "_%="

/*
 * Sections carry "?" so that an operation inlined into a C++ COMDAT function is kept or dropped with it, and "o"
 * (link order) so that --gc-sections drops exactly the entries of functions that are dropped.
 */
#define RK_ASM_SECTION(name) ".pushsection " name ", \"awo?\", @progbits, " RK_ASM_L(0) "\n\t"

#define RK_ASM_TABLE                                                                                                   \
	RK_ASM_L(0) ":\n\t"                                                                                            \
	RK_ASM_SECTION("__rseq_cs")                                                                                    \
	".balign 32\n\t"                                                                                               \
	RK_ASM_L(3) ":\n\t"                                                                                            \
	".long 0, 0\n\t"                                                                                               \
	".quad " RK_ASM_L(1) ", " RK_ASM_L(2) " - " RK_ASM_L(1) ", " RK_ASM_L(4) "\n\t"                                \
	".popsection\n\t"                                                                                              \
	RK_ASM_SECTION("__rseq_cs_ptr_array")                                                                          \
	".quad " RK_ASM_L(3) "\n\t"                                                                                    \
	".popsection\n\t"

#define RK_ASM_EXIT(label)                                                                                             \
	RK_ASM_SECTION("__rseq_exit_point_array")                                                                      \
	".quad " RK_ASM_L(1) ", %l[" #label "]\n\t"                                                                    \
	".popsection\n\t"

/*
 * The store of the descriptor activates the section; the start label follows at once, or a preemption in between
 * would be missed.
 */
#if !defined(__PIC__) && !defined(__PIE__) && defined(__code_model_small__)
#define RK_ASM_BEGIN                                                                                                   \
	"movq $" RK_ASM_L(3) ", %%fs:8(%[area])\n\t"                                                                   \
	RK_ASM_L(1) ":\n\t"
#else
#define RK_ASM_BEGIN                                                                                                   \
	"leaq " RK_ASM_L(3) "(%%rip), %%rax\n\t"                                                                       \
	"movq %%rax, %%fs:8(%[area])\n\t"                                                                              \
	RK_ASM_L(1) ":\n\t"
#endif

#define RK_ASM_SCALE "shlq $" RK_ASM_STR(RK_STRIDE_SHIFT) ", %%rax\n\t"

/* By current CPU: a negative cpu_id means that this thread has no rseq, now. */
#define RK_ASM_INDEX_CPU                                                                                               \
	"movl %%fs:4(%[area]), %%eax\n\t"                                                                              \
	"testl %%eax, %%eax\n\t"                                                                                       \
	"js %l[leave]\n\t"                                                                                             \
	RK_ASM_SCALE

/* By concurrency id: mm_cid of an unregistered thread reads 0, so the sign of cpu_id is tested as well. */
#define RK_ASM_INDEX_CID                                                                                               \
	"cmpl $0, %%fs:4(%[area])\n\t"                                                                                 \
	"js %l[leave]\n\t"                                                                                             \
	"movl %%fs:24(%[area]), %%eax\n\t"                                                                             \
	RK_ASM_SCALE

/* By explicit CPU, which the caller has checked not to be negative: an unregistered thread is on no CPU. */
#define RK_ASM_INDEX_AT                                                                                                \
	"movl %%fs:4(%[area]), %%eax\n\t"                                                                              \
	"cmpl %[cpu], %%eax\n\t"                                                                                       \
	"jne %l[leave]\n\t"                                                                                            \
	RK_ASM_SCALE

/* The slot of the index just scaled. */
#define RK_ASM_SLOT "(%[base],%%rax)"

/* Leave for `label` unless the slot's word equals the operand. */
#define RK_ASM_UNLESS_EQUAL(operand, label)                                                                            \
	"cmpq %[" #operand "], " RK_ASM_SLOT "\n\t"                                                                    \
	"jne %l[" #label "]\n\t"

/*
 * Stays while the slot's word equals the operand: inside a section until somebody changes the word, or an abort comes.
 * For probes of what aborts a section.
 */
#define RK_ASM_WHILE_EQUAL(operand)                                                                                    \
	RK_ASM_L(5) ":\n\t"                                                                                            \
	"cmpq %[" #operand "], " RK_ASM_SLOT "\n\t"                                                                    \
	"je " RK_ASM_L(5) "\n\t"

/* Commits: one instruction, the end label right behind it. */
#define RK_ASM_COMMIT_ADD(operand) "addq %[" #operand "], " RK_ASM_SLOT "\n" RK_ASM_L(2) ":\n\t"
#define RK_ASM_COMMIT_STORE(operand) "movq %[" #operand "], " RK_ASM_SLOT "\n" RK_ASM_L(2) ":\n\t"
/* Nothing to store for others: what was read goes to the caller's own memory, and that store is the last. */
#define RK_ASM_COMMIT_LOAD(pointer)                                                                                    \
	"movq " RK_ASM_SLOT ", %%rax\n\t"                                                                              \
	"movq %%rax, (%[" #pointer "])\n" RK_ASM_L(2) ":\n\t"

/* ud1 with the signature as its displacement, so that disassemblers stay in step. */
#define RK_ASM_ABORT                                                                                                   \
	".subsection 1\n\t"                                                                                            \
	".byte 0x0f, 0xb9, 0x3d\n\t"                                                                                   \
	".long " RK_ASM_STR(RK_SIGNATURE) "\n"                                                                         \
	RK_ASM_L(4) ":\n\t"                                                                                            \
	"jmp %l[aborted]\n\t"                                                                                          \
	".subsection 0\n\t"

/*
 * The statement. `exits` are RK_ASM_EXIT entries, `body` runs from the index to the commit, `inputs` is a list of
 * operands, and the rest are the labels besides `aborted`. There are no outputs: gcc before 11.5, 12.4, 13.3 and 14.1
 * takes wrong values for the outputs of an asm goto, so results go through pointers.
 */
#define RK_SECTION(exits, body, inputs, ...)                                                                           \
	__asm__ __volatile__ goto(RK_ASM_TABLE exits RK_ASM_BEGIN body RK_ASM_ABORT                                    \
				  :                                                                                    \
				  : [area] "r"(rk_area_offset), inputs                                                 \
				  : "memory", "cc", "rax"                                                              \
				  : aborted, __VA_ARGS__)

/* Operands: a pointer or number in a register, a word also as an immediate where it fits. */
#define RK_IN(name) [name] "r"(name)
#define RK_IN_WORD(name) [name] "er"(name)

/* Reads one 32-bit field of the calling thread's area, given by its byte offset as a literal. */
#define RK_AREA_READ(result, field)                                                                                    \
	__asm__ __volatile__("movl %%fs:" #field "(%[area]), %[value]"                                                 \
			     : [value] "=r"(result)                                                                    \
			     : [area] "r"(rk_area_offset))

#endif /* RSEQKIT_ARCH_X86_64_H */
