/* SPDX-License-Identifier: MIT */
/*
 * x86_64.h - the port to x86-64: see section.h for what each primitive is.
 *
 * The index is in rax, what was loaded in rcx, and copies take rdx, rsi and rdi besides. %fs is applied inside the
 * section, so a fiber that moved to another thread between two operations keeps no stale area.
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

#define RK_SIGNATURE 0x53053053

#ifndef RK_NO_SECTIONS
#include <rseqkit/arch/section.h>

#define RK_USES_SLOT "rax"
#define RK_USES_LOADED "rax", "rcx"
#define RK_USES_COPY "rax", "rcx", "rdx", "rsi", "rdi"

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

#define RK_ASM_PIN_HERE(here)                                                                                          \
	"endbr64\n\t"                                                                                                  \
	"leaq " #here "(%%rip), %%rdi\n\t"                                                                             \
	"jmp rk_pin_module@PLT\n\t"

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

/* Places. An offset from the slot is added to the base outside of the section, RK_IN_OFFSET: so both are alike. */
#define RK_ASM_AT(offset) "(%[" #offset "],%%rax)"
#define RK_ASM_SLOT RK_ASM_AT(base)

#define RK_ASM_FOLLOW(label)                                                                                           \
	"movq " RK_ASM_SLOT ", %%rax\n\t"                                                                              \
	"testq %%rax, %%rax\n\t"                                                                                       \
	"jz %l[" #label "]\n\t"
#define RK_ASM_UNLESS_EQUAL(place, word, label)                                                                        \
	"cmpq %[" #word "], " place "\n\t"                                                                             \
	"jne %l[" #label "]\n\t"

#define RK_ASM_LOAD "movq " RK_ASM_SLOT ", %%rcx\n\t"
#define RK_ASM_IF_LOADED(word, label)                                                                                  \
	"cmpq %[" #word "], %%rcx\n\t"                                                                                 \
	"je %l[" #label "]\n\t"
#define RK_ASM_LOAD_THROUGH(offset) "movq (%[" #offset "],%%rcx), %%rcx\n\t"
#define RK_ASM_KEEP(pointer) "movq %%rcx, (%[" #pointer "])\n\t"
#define RK_ASM_STORE(place, word) "movq %[" #word "], " place "\n\t"

/*
 * Words from the last on while there are more than eight bytes left, then the first eight, which may overlap what is
 * copied; fewer than eight one by one. One register counts and indexes: four instructions a word, so that the stores
 * are the limit, not how many instructions a cycle can start. From RK_COPY_STRING bytes on the string instruction is
 * faster: on Zen 4 it takes 9 ns to start, and then 0.07 ns for a word instead of 0.27.
 */
#define RK_COPY_STRING 160
#define RK_ASM_COPY(offset, source, length)                                                                            \
	"leaq " RK_ASM_AT(offset) ", %%rdi\n\t"                                                                        \
	"leaq -8(%[" #length "]), %%rcx\n\t"                                                                           \
	"cmpq $" RK_ASM_STR(RK_COPY_STRING) " - 8, %%rcx\n\t"                                                          \
	"jae " RK_ASM_L(6) "\n"                                                                                        \
	RK_ASM_L(5) ":\n\t"                                                                                            \
	"movq (%[" #source "],%%rcx), %%rdx\n\t"                                                                       \
	"movq %%rdx, (%%rdi,%%rcx)\n\t"                                                                                \
	"subq $8, %%rcx\n\t"                                                                                           \
	"jg " RK_ASM_L(5) "\n\t"                                                                                       \
	"movq (%[" #source "]), %%rdx\n\t"                                                                             \
	"movq %%rdx, (%%rdi)\n\t"                                                                                      \
	"jmp " RK_ASM_L(9) "\n"                                                                                        \
	RK_ASM_L(6) ":\n\t"                                                                                            \
	"addq $8, %%rcx\n\t"                                                                                           \
	"cmpq $8, %%rcx\n\t"                                                                                           \
	"jae " RK_ASM_L(8) "\n\t"                                                                                      \
	"testq %%rcx, %%rcx\n\t"                                                                                       \
	"jz " RK_ASM_L(9) "\n"                                                                                         \
	RK_ASM_L(7) ":\n\t"                                                                                            \
	"movb -1(%[" #source "],%%rcx), %%dl\n\t"                                                                      \
	"movb %%dl, -1(%%rdi,%%rcx)\n\t"                                                                               \
	"decq %%rcx\n\t"                                                                                               \
	"jnz " RK_ASM_L(7) "\n\t"                                                                                      \
	"jmp " RK_ASM_L(9) "\n"                                                                                        \
	RK_ASM_L(8) ":\n\t"                                                                                            \
	"movq %[" #source "], %%rsi\n\t"                                                                               \
	"rep movsb\n"                                                                                                  \
	RK_ASM_L(9) ":\n\t"

/*
 * Stays while the slot's word equals the operand: inside a section until somebody changes the word, or an abort comes.
 * For probes of what aborts a section.
 */
#define RK_ASM_WHILE_EQUAL(operand)                                                                                    \
	RK_ASM_L(5) ":\n\t"                                                                                            \
	"cmpq %[" #operand "], " RK_ASM_SLOT "\n\t"                                                                    \
	"je " RK_ASM_L(5) "\n\t"

/* Commits: one instruction, the end label right behind it. */
#define RK_ASM_COMMIT_ADD(place, operand) "addq %[" #operand "], " place "\n" RK_ASM_L(2) ":\n\t"
#define RK_ASM_COMMIT_STORE(operand) "movq %[" #operand "], " RK_ASM_SLOT "\n" RK_ASM_L(2) ":\n\t"
/* With release order, which every store has here. (A string instruction's stores come before any later store, too.) */
#define RK_ASM_COMMIT_STORE_RELEASE(operand) RK_ASM_COMMIT_STORE(operand)
#define RK_ASM_COMMIT_LOADED "movq %%rcx, " RK_ASM_SLOT "\n" RK_ASM_L(2) ":\n\t"
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

/* Operands: a pointer or number in a register, a word also as an immediate where it fits. */
#define RK_IN(name) [name] "r"(name)
#define RK_IN_WORD(name) [name] "er"(name)
#define RK_IN_OFFSET(name) [name] "r"((const char *)base + (name))

/* Reads one 32-bit field of the calling thread's area, given by its byte offset as a literal. */
#define RK_AREA_READ(result, field)                                                                                    \
	__asm__ __volatile__("movl %%fs:" #field "(%[area]), %[value]"                                                 \
			     : [value] "=r"(result)                                                                    \
			     : [area] "r"(rk_area_offset))

#endif /* RK_NO_SECTIONS */
#endif /* RSEQKIT_ARCH_X86_64_H */
