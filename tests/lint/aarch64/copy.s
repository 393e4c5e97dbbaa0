// SPDX-License-Identifier: MIT
// copy.s - copies x3 bytes from x1 into a log, and commits the log's new head. What looks odd is right: loops, stores that are
// undone by nothing, a step of the address, conditional selection, loads with acquire, blocks, pairs of vectors, a stack slot.
	.include "section.s"
	.arch armv8.8-a+mops
	descriptor .Ldescriptor, .Lstart, .Lend, .Labort
	way_out .Lstart, .Lleave
	private .Lfirst, .Llast

	begin copy
	sub sp, sp, #32
	stp x19, x20, [sp]
	.cfi_offset 19, -48
	.cfi_offset 20, -40
	.cfi_def_cfa_offset 48
	adr x16, .Ldescriptor
	mrs x17, tpidr_el0
	add x17, x17, x2 // the area
	str x16, [x17, #8] // arms
.Lstart:
	ldr w16, [x17, #4]
	cmp w16, #0
	b.lt .Lleave
	add x16, x0, x16, lsl #7
	ldapr x17, [x16]
	ldr x13, [x16, #8]
	add x12, x17, x3
	cmp x12, x13
	ccmp x3, #0, #4, le
	b.eq .Lleave
	csel x13, x13, x12, gt
	add x15, x16, x17
	str x12, [sp, #24]
.Lfirst:
	stp q0, q1, [x15], #32
	str wzr, [x15], #4
	stlur w3, [x15, #4]
	mov x14, #0
.Lloop:
	cmp x14, #8
	b.hs .Lrest
	ldr x19, [x1, x14]
	str x19, [x15, x14]
	add x14, x14, #8
	b .Lloop
.Lrest:
	add x15, x15, x14
	add x14, x1, x14
	mov x13, x3
	cpyfp [x15]!, [x14]!, x13!
	cpyfm [x15]!, [x14]!, x13!
	cpyfe [x15]!, [x14]!, x13!
.Llast:
	str x12, [x16] // commits
.Lend:
	mov w0, #1
	b .Lreturn
.Lleave:
	mov w0, #0
.Lreturn:
	ldp x19, x20, [sp], #32
	finish copy

	.subsection 1
	.inst 0xd428bc00 // the signature
.Labort:
	b .Lleave // the handler
	.subsection 0
