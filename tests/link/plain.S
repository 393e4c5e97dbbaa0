/* SPDX-License-Identifier: MIT */
/* Another component's tables with a section, for any machine. These tables have no flags for link order and groups. */
	.section __rseq_cs, "aw"
	.balign 32
descriptor:
	.long 0, 0
	.quad start, end - start, end
	.section __rseq_cs_ptr_array, "aw"
	.quad descriptor
	.text
start:
	nop
end:
	.section .note.GNU-stack, "", %progbits
