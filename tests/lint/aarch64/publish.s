// SPDX-License-Identifier: MIT
// publish.s - pushes the node at x1 to the current concurrency id's list, with a release. The store to the node is declared as
// private. The function needs no frame, so it saves nothing.
	.include "section.s"
	descriptor .Ldescriptor, .Lstart, .Lend, .Labort
	way_out .Lstart, .Lleave
	way_out .Lstart, .Lfull
	private .Lnode, .Lnode_end

	.text
	.global publish
	.type publish, %function
publish:
	.cfi_startproc
	adrp x16, .Ldescriptor
	add x16, x16, :lo12:.Ldescriptor
	mrs x17, tpidr_el0
	add x17, x17, x2 // the area
	str x16, [x17, #8] // arms
.Lstart:
	ldr w16, [x17, #4]
	tbnz w16, #31, .Lleave // the test of cpu_id
	ldr w16, [x17, #24] // loads the index
	add x16, x0, x16, lsl #7
	ldr x17, [x16]
	ldrh w12, [x16, #8]
	cmp w12, w3
	b.hs .Lfull
.Lnode:
	str x17, [x1]
.Lnode_end:
	stlr x1, [x16] // commits
.Lend:
	mov w0, #1
	ret
.Lfull:
	mov w0, #2
	ret
.Lleave:
	mov w0, #0
	ret
	.cfi_endproc
	.size publish, . - publish

	.subsection 1
	.inst 0xd428bc00 // the signature
.Labort:
	mov w0, #0x200
	b .Lend // the handler
	.subsection 0
