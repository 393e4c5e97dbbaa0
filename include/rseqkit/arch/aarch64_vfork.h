/* SPDX-License-Identifier: MIT */
/* aarch64_vfork.h - the function of RK_VFORK() (../vfork.h) in assembly. ../detail/vfork.h says what it must do. */
#ifndef RSEQKIT_ARCH_AARCH64_VFORK_H
#define RSEQKIT_ARCH_AARCH64_VFORK_H

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

#endif /* RSEQKIT_ARCH_AARCH64_VFORK_H */
