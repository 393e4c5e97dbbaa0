/* SPDX-License-Identifier: MIT */
/*
 * x86_64_unwind.h - describes the code of abort handlers to the unwinders of debuggers, profilers and exceptions, by entries
 * in .eh_frame.
 *
 * When a signal interrupts a section, the kernel first diverts the thread to the section's abort handler. An unwinder that
 * starts in the signal handler therefore finds the thread at the abort handler. The code of the abort handler is outside the
 * function that has the section, and the compiler's description of that function doesn't cover it. RKI_ASM_UNWIND describes the
 * abort handler as a frame of its own. The caller of that frame is the function at the section's end, and all registers are
 * unchanged. The frame isn't marked as that of a signal (S), because libunwind's backtrace() would read registers from the
 * stack above it. Unwinders subtract 1 from the return address of an unmarked frame, which leads to the commit. The compiler
 * describes the commit and each place where the section can lead in the same way.
 *
 * The return address must be the first byte of an instruction. gdb takes the abort handler for a called function, and sets a
 * breakpoint at the return address. In the middle of an instruction, this breakpoint would change what the program does.
 *
 * The directives of assemblers can't express this description, so the macro writes the bytes of the table itself. It writes one
 * record of 24 bytes (a CIE) per file, which all abort handlers share, and one record of 40 bytes (an FDE) per instruction. The
 * caller's address is rip (DW_OP_breg16) plus the distance from this instruction to the section's end. The assembler can't
 * compute this distance. But the linker can compute the distance from a place in the table to any label. The table therefore
 * has two such distances, to the section's end and to the instruction, and unwinders subtract them. The places of the two
 * distances are 6 bytes apart, so the offset is -6. In the CIE, 0x78 is the data alignment factor (-8), 16 is the register of
 * the return address (rip), and 0x1b says that addresses are distances of 4 bytes.
 */
#ifndef RSEQKIT_ARCH_X86_64_UNWIND_H
#define RSEQKIT_ARCH_X86_64_UNWIND_H

#ifdef __clang__
#define RKI_ASM_FRAMES "@unwind" /* clang itself gives this ELF section the type @unwind, gcc @progbits */
#else
#define RKI_ASM_FRAMES "@progbits"
#endif
#define RKI_ASM_UNWIND(from, to)                                                                                       \
	".pushsection .eh_frame,\"a\"," RKI_ASM_FRAMES "\n"                                                            \
	".ifndef .Lrk_frames\n.Lrk_frames:\n"                                                                          \
	/* length and CIE; version 1, "zR", 1, 0x78, 16, 1, 0x1b; DW_CFA_def_cfa: rsp */                               \
	".long 20,0,0x527a01,0x1107801,0x70c1b,0\n"                                                                    \
	".endif\n"                                                                                                     \
	".long 36\n.long .-.Lrk_frames\n"                                                                              \
	".long " from "-.," to "-" from "\n"                                                                           \
	".byte 0,0x16,16,14,0x80,0x7a,0x0d\n" /* DW_CFA_val_expression: rip - 6 */                                     \
	".long " RKI_ASM_L(2) "-.\n.byte 0x22,0x0d\n" /* + */                                                          \
	".long " from "-.\n.byte 0x1c,0,0,0,0,0,0\n" /* - */                                                           \
	".popsection\n"

#endif /* RSEQKIT_ARCH_X86_64_UNWIND_H */
