// SPDX-License-Identifier: MIT
// section.s - the tables of critical sections. The other files here include it.

	// The descriptor of a section, and the pointer to it.
	.macro descriptor label, start, end, abort, version=0, flags=0
	.pushsection __rseq_cs, "aw"
	.balign 32
\label:
	.long \version, \flags
	.quad \start, (\end) - (\start), \abort
	.popsection
	.pushsection __rseq_cs_ptr_array, "aw"
	.quad \label
	.popsection
	.endm

	// A way out of a section that isn't its end.
	.macro way_out start, target
	.pushsection __rseq_exit_point_array, "aw"
	.quad \start, \target
	.popsection
	.endm

	// Instructions whose stores no other thread sees before the commit.
	.macro private from, to
	.pushsection __rseq_private_store_array, "a"
	.long (\from) - ., (\to) - .
	.popsection
	.endm

	// A landing pad for calls, and the signed return address, as -mbranch-protection=standard has them.
	.macro begin name
	.text
	.global \name
	.type \name, %function
\name:
	.cfi_startproc
	hint #34
	paciasp
	.cfi_negate_ra_state
	stp x29, x30, [sp, #-16]!
	.cfi_def_cfa_offset 16
	.cfi_offset 29, -16
	.cfi_offset 30, -8
	mov x29, sp
	.endm

	.macro finish name
	ldp x29, x30, [sp], #16
	.cfi_restore 29
	.cfi_restore 30
	.cfi_def_cfa_offset 0
	autiasp
	.cfi_negate_ra_state
	ret
	.cfi_endproc
	.size \name, . - \name
	.endm
