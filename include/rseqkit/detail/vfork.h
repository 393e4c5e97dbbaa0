/* SPDX-License-Identifier: MIT */
/*
 * vfork.h - the function that RK_VFORK() of ../vfork.h defines: in assembly on x86-64 and arm64, otherwise with fork().
 *
 * A vfork child shares its parent's shadow stack on x86-64, and its parent's guarded control stack on arm64, if the process
 * has such a stack. If the child returned by a return instruction, it would remove the parent's return address from that
 * stack. So the child jumps to the caller instead, and the stack still has the return address when the parent runs again.
 * With BTI on arm64, the target of a jump must be a "bti j". Compilers put that instruction after each call of a function
 * that returns twice.
 */
#ifndef RSEQKIT_DETAIL_VFORK_H
#define RSEQKIT_DETAIL_VFORK_H

#include <rseqkit/vfork.h>

#if (!defined(__x86_64__) && !defined(__aarch64__)) || defined(__ILP32__)
#define RKI_VFORK_BY_FORK 1
#endif
#ifdef RKI_VFORK_BY_FORK
#include <errno.h>
#include <unistd.h>
#endif

#if defined(RKI_VFORK_BY_FORK)
#define RKI_VFORK(name, before, after)                                     \
	pid_t name(void)                                                   \
	{                                                                  \
		int begun = before();                                      \
		pid_t made = fork();                                       \
                                                                           \
		if (made == 0 || begun == RK_VFORK_AS_FORK)                \
			return made;                                       \
		return after(made < 0 ? -errno : made, begun);             \
	}                                                                  \
	extern __typeof__(after) after
#elif defined(__x86_64__)
#define RKI_VFORK_ASM(name, before, after)                                                 \
	".pushsection .text\n"                                                             \
	"	.globl " #name "\n"                                                         \
	"	.type " #name ", @function\n"                                               \
	#name ":\n"                                                                        \
	"	.cfi_startproc\n"                                                           \
	"	endbr64\n"                                                                  \
	"	subq $8, %rsp\n"                                                            \
	"	.cfi_adjust_cfa_offset 8\n"                                                 \
	"	call " #before "@PLT\n"                                                     \
	"	addq $8, %rsp\n"                                                            \
	"	.cfi_adjust_cfa_offset -8\n"                                                \
	"	cmpl $0x666f726b, %eax\n"                                                   \
	"	jne 2f\n"                                                                   \
	"	jmp fork@PLT\n"                                                            \
	"2:	movl %eax, %esi\n"                                                         \
	"	popq %rdx\n" /* the return address */                                       \
	"	.cfi_adjust_cfa_offset -8\n"                                                \
	"	.cfi_register rip, rdx\n"                                                   \
	"	movl $58, %eax\n" /* vfork */                                               \
	"	syscall\n"                                                                  \
	"	testq %rax, %rax\n"                                                         \
	"	jz 1f\n"                                                                    \
	"	pushq %rdx\n"                                                               \
	"	.cfi_remember_state\n"                                                      \
	"	.cfi_adjust_cfa_offset 8\n"                                                 \
	"	.cfi_rel_offset rip, 0\n"                                                   \
	"	movq %rax, %rdi\n"                                                          \
	"	jmp " #after "@PLT\n"                                                       \
	"	.cfi_restore_state\n"                                                       \
	"1:	notrack jmp *%rdx\n"                                                       \
	"	.cfi_endproc\n"                                                             \
	"	.size " #name ", . - " #name "\n"                                           \
	".popsection\n"
#elif defined(__aarch64__)
#define RKI_VFORK_ASM(name, before, after)                                                 \
	".pushsection .text\n"                                                             \
	"	.globl " #name "\n"                                                         \
	"	.type " #name ", %function\n"                                               \
	"	.balign 4\n"                                                                \
	#name ":\n"                                                                        \
	"	.cfi_startproc\n"                                                           \
	"	hint #34\n" /* bti c */                                                     \
	"	stp x29, x30, [sp, #-16]!\n"                                                \
	"	.cfi_adjust_cfa_offset 16\n"                                                \
	"	.cfi_rel_offset x29, 0\n"                                                   \
	"	.cfi_rel_offset x30, 8\n"                                                   \
	"	mov x29, sp\n"                                                              \
	"	bl " #before "\n"                                                           \
	"	ldp x29, x30, [sp], #16\n"                                                  \
	"	.cfi_adjust_cfa_offset -16\n"                                               \
	"	.cfi_restore x29\n"                                                         \
	"	.cfi_restore x30\n"                                                         \
	"	mov w9, #0x726b\n"                                                         \
	"	movk w9, #0x666f, lsl #16\n"                                               \
	"	cmp w0, w9\n"                                                              \
	"	b.ne 3f\n"                                                                 \
	"	b fork\n"                                                                  \
	"3:	mov w9, w0\n"                                                              \
	"	mov x0, #0x4111\n" /* CLONE_VM, CLONE_VFORK, SIGCHLD */                     \
	"	mov x1, xzr\n"     /* on the same stack */                                  \
	"	mov x2, xzr\n"                                                              \
	"	mov x3, xzr\n"                                                              \
	"	mov x4, xzr\n"                                                              \
	"	mov x8, #220\n" /* clone */                                                 \
	"	svc #0\n"                                                                   \
	"	cbz x0, 1f\n"                                                               \
	"	mov w1, w9\n"                                                               \
	"	b " #after "\n"                                                             \
	"1:	mov x16, #1\n"                                                             \
	"	hint #40\n" /* chkfeat x16: 0 if there is a guarded control stack */       \
	"	cbz x16, 2f\n"                                                             \
	"	ret\n"                                                                     \
	"2:	mov x16, x30\n"                                                            \
	"	br x16\n"                                                                  \
	"	.cfi_endproc\n"                                                             \
	"	.size " #name ", . - " #name "\n"                                           \
	".popsection\n"
#endif

#ifdef RKI_VFORK_ASM
#define RKI_VFORK(name, before, after) __asm__(RKI_VFORK_ASM(name, before, after))
#endif

#endif /* RSEQKIT_DETAIL_VFORK_H */
