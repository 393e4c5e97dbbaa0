// SPDX-License-Identifier: MIT
// two.s - two sections in one function, one after the other. The first one only loads. The second one commits by an atomic
// instruction, which capstone 4.0 can't decode.
	.include "section.s"
	.arch armv8.1-a
	descriptor .Ldescriptor1, .Lstart1, .Lend1, .Labort1
	descriptor .Ldescriptor2, .Lstart2, .Lend2, .Labort2
	way_out .Lstart1, .Lleave
	way_out .Lstart2, .Lleave

	begin two
	mrs x9, tpidr_el0
	add x9, x9, x2 // the area
	adrp x16, .Ldescriptor1
	add x16, x16, :lo12:.Ldescriptor1
	str x16, [x9, #8] // arms 1
.Lstart1:
	ldr w16, [x9, #4]
	cmp w16, #0
	b.lt .Lleave
	lsl x16, x16, #7
	ldr x10, [x0, x16]
.Lend1:
	cbz x10, .Lleave
	adrp x16, .Ldescriptor2
	add x16, x16, :lo12:.Ldescriptor2
	str x16, [x9, #8] // arms 2
.Lstart2:
	ldrsw x16, [x9, #4]
	tbnz x16, #63, .Lleave
	add x16, x0, x16, lsl #7
	stadd x1, [x16] // commits
.Lend2:
	mov x0, x10
	b .Lreturn
.Lleave:
	mov x0, #0
.Lreturn:
	finish two

	.subsection 1
	.inst 0xd428bc00
.Labort1:
	b .Lleave // the handler 1
	.inst 0xd428bc00
.Labort2:
	b .Lleave // the handler 2
	.subsection 0
