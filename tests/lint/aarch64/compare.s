// SPDX-License-Identifier: MIT
// compare.s - compares and stores a word, in the form of librseq: the index comes from code before the section, the section
// compares the field with it, and a failed comparison goes to the abort handler. The handler is inline, after the end, and the
// signature is a bare word.
	.include "section.s"
	descriptor .Ldescriptor, .Lstart, .Lend, .Labort
	way_out .Lstart, .Ldifferent

	.text
	.global compare
	.type compare, %function
compare:
	.cfi_startproc
	mrs x4, tpidr_el0
	add x4, x4, x3 // the area
	ldr w5, [x4] // loads the index
	add x6, x0, x5, lsl #7
	adrp x15, .Ldescriptor
	add x15, x15, :lo12:.Ldescriptor
	str x15, [x4, #8] // arms
.Lstart:
	ldr w15, [x4, #4] // loads cpu_id
	cmp w15, w5 // the test
	b.ne .Labort
	ldr x15, [x6]
	sub x15, x15, x1
	cbnz x15, .Ldifferent
	str x2, [x6] // commits
.Lend:
	b .Ldone
	.word 0xd428bc00 // the signature
.Labort:
	b .Laborted // the handler
.Ldone:
	mov w0, #0
	ret
.Ldifferent:
	mov w0, #1
	ret
.Laborted:
	mov w0, #-1
	ret
	.cfi_endproc
	.size compare, . - compare
