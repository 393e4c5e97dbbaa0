/* SPDX-License-Identifier: MIT */
/*
 * right-aarch64.S - right critical sections, some of which look odd; see right-x86_64.S. BEGIN and END make a frame with a
 * landing pad and a signed return address, LEAF and END_LEAF make none.
 */
	.arch armv8.8-a+mops
#define LEAF(name) .text; .globl name; .type name, %function; name: .cfi_startproc
#define END_LEAF(name) .cfi_endproc; .size name, . - name
#define BEGIN(name) LEAF(name); bti c; paciasp; .cfi_negate_ra_state; stp x29, x30, [sp, #-32]!; .cfi_def_cfa_offset 32; \
	.cfi_offset 29, -32; .cfi_offset 30, -24; mov x29, sp
#define RETURN ldp x29, x30, [sp], #32; .cfi_restore 29; .cfi_restore 30; .cfi_def_cfa_offset 0; retaa
#define END(name) END_LEAF(name)
#define SIGNATURE .inst 0xd428bc00
#define ARM(cs) adrp x16, cs; add x16, x16, :lo12:cs; mrs x17, tpidr_el0; add x17, x17, x2
#ifdef NO_TABLES
#define TABLE .pushsection .data; .balign 32
#define POINTER(cs)
#define EXIT(start, label)
#define PRIVATE(from, to)
#else
#define TABLE .pushsection __rseq_cs, "aw"; .balign 32
#define POINTER(cs) .pushsection __rseq_cs_ptr_array, "aw"; .quad cs; .popsection
#define EXIT(start, label) .pushsection __rseq_exit_point_array, "aw"; .quad start, label; .popsection
#define PRIVATE(from, to) .pushsection __rseq_private_store_array, "a"; .long from - .; .long to - .; .popsection
#endif
	.section .note.GNU-stack, "", %progbits

/* == add: this library's addition, with the abort handler out of line */
BEGIN(add)
	ARM(cs)
	str x16, [x17, #8]
start:
	ldr w16, [x17, #4]
	cmp w16, #0
	b.lt leave
	add x16, x0, x16, lsl #7
	ldr x17, [x16]
	add x17, x17, x1
	str x17, [x16]
end:
	mov w0, #1
	b return
leave:
	mov w0, #0
return:
	RETURN
END(add)
	.subsection 1
	SIGNATURE
abort:
	b leave
	.subsection 0
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)

/* == near: other ways to store to rseq_cs, to test cpu_id, to load and to store; has barriers; the handler returns */
LEAF(near)
	adr x16, cs
	mrs x17, tpidr_el0
	add x17, x17, x2
	dmb ish
	str x16, [x17, #8]!
start:
	ldur w16, [x17, #-4]
	tst w16, w16
	b.mi leave
	ubfiz x15, x16, #7, #32
	ldar x17, [x0]
	lsl x16, x16, #7
	ldapr x17, [x0]
	isb
	add x17, x1, x17, lsl #0
	ldr x14, [x0, x16]
	csinc x14, xzr, x14, eq
	ldr x14, [x0, x16]
	sub x14, x14, x17
	nop
	str x14, [x0, x16]
end:
	mov w0, #1
	ret
leave:
	mov w0, #0
	ret
END_LEAF(near)
	.section .text.unlikely, "ax", %progbits
	SIGNATURE
abort:
	mov w0, #0x200
	ret
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)

/* == push: indexes by mm_cid; the commit is a store-release; the store to the node is private */
LEAF(push)
	ARM(cs)
	str x16, [x17, #8]
start:
	ldr w16, [x17, #4]
	tbnz w16, #31, leave
	ldr w16, [x17, #24]
	add x16, x0, x16, lsl #7
	ldr x17, [x16]
	ldrh w12, [x16, #8]
	cmp w12, w3
	b.hs full
from:
	str x17, [x1]
to:
	stlr x1, [x16]
end:
	mov w0, #1
	ret
full:
	mov w0, #2
	ret
leave:
	mov w0, #0
	ret
END_LEAF(push)
	.subsection 1
	SIGNATURE
abort:
	mov w0, #0x200
	b end
	.subsection 0
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)
	EXIT(start, full)
	PRIVATE(from, to)

/* == compare: as in librseq: the index is loaded before, the handler follows the end, and the signature is a plain .word */
LEAF(compare)
	mrs x4, tpidr_el0
	add x4, x4, x3
	ldr w5, [x4]
	add x6, x0, x5, lsl #7
	adrp x15, cs
	add x15, x15, :lo12:cs
	str x15, [x4, #8]
start:
	ldr w15, [x4, #4]
	cmp w15, w5
	b.ne abort
	ldr x15, [x6]
	sub x15, x15, x1
	cbnz x15, different
	str x2, [x6]
end:
	b done
	.word 0xd428bc00
abort:
	b aborted
done:
	mov w0, #0
	ret
different:
	mov w0, #1
	ret
aborted:
	mov w0, #-1
	ret
END_LEAF(compare)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, different)

/* == spilled: like compare, with the index on the stack */
LEAF(spilled)
	mrs x4, tpidr_el0
	add x4, x4, x3
	ldr w5, [x4]
	str x5, [sp, #-16]
	adrp x15, cs
	add x15, x15, :lo12:cs
	str x15, [x4, #8]
start:
	ldr x14, [sp, #-16]
	ldr w15, [x4, #4]
	cmp w15, w14
	b.ne different
	str x2, [x0, x14, lsl #3]
end:
	mov w0, #0
	ret
different:
	mov w0, #1
	ret
	SIGNATURE
abort:
	b different
END_LEAF(spilled)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, different)

/* == hoisted: like compare, in a loop, as clang compiles it: a separate register has the address of cpu_id */
LEAF(hoisted)
	mrs x12, tpidr_el0
again:
	ldr x13, [x3]
	add x13, x13, x12
	add x14, x13, #4
	ldr w16, [x13], #8
	add x17, x0, x16, lsl #16
	adrp x15, cs
	add x15, x15, :lo12:cs
	str x15, [x13]
start:
	ldr w15, [x14]
	sub w15, w15, w16
	cbnz w15, abort
	ldr x15, [x17]
	add x15, x15, x1
	str x15, [x17]
end:
	b done
	SIGNATURE
abort:
	b again
done:
	subs x2, x2, #1
	b.ne again
	ret
END_LEAF(hoisted)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)

/* == retry: the handler, in .text.unlikely, restores a changed register and starts again; the GOT has the descriptor's address */
BEGIN(retry)
	mrs x8, tpidr_el0
	ldr x9, [x1]
	add x8, x8, x9
	add x11, x2, #0
again:
	adrp x12, :got:cs
	ldr x12, [x12, :got_lo12:cs]
	str x12, [x8, #8]
start:
	ldr w13, [x8, #4]
	tbnz w13, #31, empty
	add x13, x0, x13, lsl #12
	ldp x14, x15, [x13]
	orr x14, x14, x15
	cbz x14, empty
	add x11, x11, x13
	ldr x9, [x11, #8]!
	str x9, [x13]
end:
	mov x0, x9
	b return
empty:
	mov x0, #0
return:
	RETURN
END(retry)
	.section .text.unlikely, "ax", %progbits
	bti j
	SIGNATURE
abort:
	mov x11, x2
	b again
	.globl cs
	.hidden cs
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, empty)

/* == copy: has loops, block copies, vector pairs, post-increments, csel, ldapr, a saved register, and a slot in its own frame */
BEGIN(copy)
	str x19, [sp, #16]
	.cfi_offset 19, -16
	ARM(cs)
	str x16, [x17, #8]
start:
	ldr w16, [x17, #4]
	cmp w16, #0
	b.lt leave
	add x16, x0, x16, lsl #7
	ldapr x17, [x16]
	ldr x13, [x16, #8]
	add x12, x17, x3
	cmp x12, x13
	ccmp x3, #0, #4, le
	b.eq leave
	csel x13, x13, x12, gt
	add x15, x16, x17
	str x12, [sp, #24]
from:
	stp q0, q1, [x15], #32
	st1 {v2.2d, v3.2d}, [x15], #32
	str wzr, [x15], #4
	stset x3, [x1]
	swp x3, xzr, [x15]
	stlur w3, [x15, #4]
	mov x14, #0
loop:
	cmp x14, #8
	b.hs rest
	ldr x19, [x1, x14]
	str x19, [x15, x14]
	add x14, x14, #8
	b loop
rest:
	add x15, x15, x14
	add x14, x1, x14
	mov x13, x3
	cpyfp [x15]!, [x14]!, x13!
	cpyfm [x15]!, [x14]!, x13!
	cpyfe [x15]!, [x14]!, x13!
	mov x13, x3
	setp [x15]!, x13!, xzr
	setm [x15]!, x13!, xzr
	sete [x15]!, x13!, xzr
to:
	str x12, [x16]
end:
	mov w0, #1
	b return
leave:
	mov w0, #0
return:
	ldr x19, [sp, #16]
	RETURN
END(copy)
	.subsection 1
	SIGNATURE
abort:
	b leave
	.subsection 0
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)
	PRIVATE(from, to)

/* == two: one section only loads, and the other one commits with an atomic instruction */
BEGIN(two)
	mrs x9, tpidr_el0
	add x9, x9, x2
	adrp x16, cs
	add x16, x16, :lo12:cs
	str x16, [x9, #8]
start:
	ldr w16, [x9, #4]
	cmp w16, #0
	b.lt leave
	lsl x16, x16, #7
	ldr x10, [x0, x16]
end:
	cbz x10, leave
	ldr x16, =cs2
	str x16, [x9, #8]
start2:
	ldrsw x16, [x9, #4]
	tbnz x16, #63, leave
	add x16, x0, x16, lsl #7
	ldaddal x1, x10, [x16]
end2:
	mov x0, x10
	b return
leave:
	mov x0, #0
return:
	RETURN
END(two)
	.subsection 1
	SIGNATURE
abort:
	b leave
	SIGNATURE
abort2:
	retaa
	.subsection 0
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	TABLE
cs2:
	.long 0, 0
	.quad start2, end2 - start2, abort2
	.popsection
	POINTER(cs)
	POINTER(cs2)
	EXIT(start, leave)
	EXIT(start2, leave)

/* == slab: as in tcmalloc: registers point to the rseq fields, the commit stores two bytes, and the handler starts again */
LEAF(slab)
	str d8, [sp, #-16]!
	.cfi_def_cfa_offset 16
	.cfi_offset 72, -16
again:
	adrp x12, cs
	add x12, x12, :lo12:cs
	str x12, [x1]
start:
	ldr x13, [x2]
	tbz x13, #63, none
	and x13, x13, #0x7fffffffffffffff
	ldrh w14, [x13, x3]
	add x15, x13, x3
	ldrh w16, [x15, #4]
	cmp w14, w16
	b.eq none
	fmov d8, x0
from:
	str d8, [x13, x14, lsl #3]
to:
	add w14, w14, #1
	strh w14, [x13, x3]
end:
	mov w0, #1
	b return
none:
	mov w0, #0
return:
	ldr d8, [sp], #16
	.cfi_restore 72
	.cfi_def_cfa_offset 0
	ret
END_LEAF(slab)
	.section .text.unlikely, "ax", %progbits
	.word 0xd428bc00
abort:
	b again
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, none)
	PRIVATE(from, to)
