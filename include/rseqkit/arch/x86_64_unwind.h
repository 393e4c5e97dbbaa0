/* SPDX-License-Identifier: MIT */
/*
 * x86_64_unwind.h - describes the code of abort handlers to the unwinders of debuggers, profilers and exceptions, by entries
 * in .eh_frame.
 *
 * When a signal interrupts a section, the kernel first diverts the thread to the section's abort handler. So an unwinder that
 * starts in the signal handler finds the thread at the abort handler. The code of the abort handler is outside the function
 * that has the section, and the compiler's description of that function doesn't cover it. So RKI_ASM_UNWIND describes the
 * abort handler as a frame of its own. The caller of that frame is the code at `target` in the function, and all registers
 * are unchanged. The frame isn't marked as that of a signal (S), because libunwind's backtrace() would read registers from
 * the stack above it. Unwinders subtract 1 from the return address of an unmarked frame. So this address is `target` plus 1.
 *
 * The directives of assemblers can't express this description. So the macro writes the bytes of .eh_frame itself. It writes
 * one record of 24 bytes (a CIE) per file, which all abort handlers share, and one record of 40 bytes (an FDE) per abort
 * handler. The caller's address is rip (DW_OP_breg16) plus the distance from the abort handler to the target. The target is
 * possibly in another ELF section, so the assembler can't compute this distance. But the linker can compute the distance from
 * a place in the table to any label. So the table has two such distances, to the target and to the abort handler, and
 * unwinders subtract them. The places of the two distances are 6 bytes apart, and the address is 1 higher, so the offset is
 * -5. In the CIE, 0x78 is the data alignment factor (-8), 16 is the register of the return address (rip), and 0x1b says that
 * addresses are distances of 4 bytes.
 */
#ifndef RSEQKIT_ARCH_X86_64_UNWIND_H
#define RSEQKIT_ARCH_X86_64_UNWIND_H

#ifdef __clang__
#define RKI_ASM_FRAMES "@unwind" /* clang itself gives this ELF section the type @unwind, gcc @progbits */
#else
#define RKI_ASM_FRAMES "@progbits"
#endif
#define RKI_ASM_UNWIND(from, to, target)                                                                               \
	".pushsection .eh_frame, \"a\", " RKI_ASM_FRAMES "\n\t"                                                        \
	".ifndef .Lrk_frames\n"                                                                                        \
	".Lrk_frames:\n\t"                                                                                             \
	".long 20, 0\n\t"                                                                                              \
	".byte 1\n\t.asciz \"zR\"\n\t.byte 1, 0x78, 16, 1, 0x1b\n\t" /* see above for the numbers */                  \
	".byte 12, 7, 0, 0, 0, 0, 0\n\t"                     /* DW_CFA_def_cfa: rsp */                                \
	".endif\n\t"                                                                                                   \
	".long 36\n\t.long . - .Lrk_frames\n\t"                                                                        \
	".long " from " - ., " to " - " from "\n\t"                                                                    \
	".byte 0, 0x16, 16, 14, 0x80, 0x7b, 0x0d\n\t" /* DW_CFA_val_expression: rip - 5 */                             \
	".long " target " - .\n\t.byte 0x22, 0x0d\n\t"  /* + */                                                       \
	".long " from " - .\n\t.byte 0x1c, 0, 0, 0, 0, 0, 0\n\t" /* - */                                              \
	".popsection\n\t"

#endif /* RSEQKIT_ARCH_X86_64_UNWIND_H */
