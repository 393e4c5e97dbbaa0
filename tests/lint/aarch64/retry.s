// SPDX-License-Identifier: MIT
// retry.s - pops from the current CPU's stack, and starts again after an abort. The handler is in a section of its own. It makes
// the register good that the section changes and reads.
	.include "section.s"
	descriptor .Ldescriptor, .Lstart, .Lend, .Labort
	way_out .Lstart, .Lempty

	begin pop
	mrs x8, tpidr_el0
	ldr x9, [x1] // where the area is
	add x8, x8, x9
	mov x10, #0
	mov x11, x2
.Lagain:
	adrp x12, :got:descriptor_of_pop
	ldr x12, [x12, :got_lo12:descriptor_of_pop]
	str x12, [x8, #8] // arms
.Lstart:
	ldr w13, [x8, #4]
	tbnz w13, #31, .Lempty
	add x13, x0, x13, lsl #12
	ldp x14, x15, [x13]
	orr x14, x14, x15
	cbz x14, .Lempty
	add x11, x11, x13 // changes the register
	ldr x9, [x11, #8]!
	str x9, [x13] // commits
.Lend:
	mov x0, x9
	b .Lreturn
.Lempty:
	mov x0, #0
.Lreturn:
	finish pop

	.global descriptor_of_pop
	.hidden descriptor_of_pop
	.set descriptor_of_pop, .Ldescriptor

	.section .text.unlikely, "ax", %progbits
	hint #36 // a landing pad for jumps
	.inst 0xd428bc00 // the signature
.Labort:
	mov x11, x2 // makes it good
	b .Lagain // the handler
