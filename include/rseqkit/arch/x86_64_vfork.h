/* SPDX-License-Identifier: MIT */
/* x86_64_vfork.h - the function of RK_VFORK() (../vfork.h) for x86-64, in assembly. ../detail/vfork.h says what it must do. */
#ifndef RSEQKIT_ARCH_X86_64_VFORK_H
#define RSEQKIT_ARCH_X86_64_VFORK_H

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

#endif /* RSEQKIT_ARCH_X86_64_VFORK_H */
