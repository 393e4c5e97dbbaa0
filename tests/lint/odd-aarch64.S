/* SPDX-License-Identifier: MIT */
/*
 * odd-aarch64.S - critical sections that look wrong and are right; see odd-x86_64.S. The lines before the first section of
 * right-aarch64.S are part of this file, too. x0 is the data, x1 a value or the caller's memory, x2 the area's offset.
 */
#define START ARM(cs); str x16, [x17, #8]; start:
#define INDEX ldr w16, [x17, #4]; tbnz w16, #31, leave
#define SLOT add x16, x0, x16, lsl #6
#define WAYS_OUT(...) mov w0, #0; ret; leave: mov w0, #4; ret; SIGNATURE; abort: __VA_ARGS__
#define DESCRIPTOR(cs, start, end, abort) TABLE; cs: .long 0, 0; .quad start, end - start, abort; .popsection; POINTER(cs)

/* == commit4: stores two halves of a word; the commit is the store of the lower half */
LEAF(commit4)
	START
	INDEX
	SLOT
	str w1, [x16, #4]
	str w3, [x16]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(commit4)
	DESCRIPTOR(cs, start, end, abort)

/* == outinit: first clears the caller's result; the last instruction stores the final one */
LEAF(outinit)
	START
	INDEX
	SLOT
	str xzr, [x1]
	ldr x15, [x16]
	cbz x15, leave
	str x15, [x1]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(outinit)
	DESCRIPTOR(cs, start, end, abort)

/* == snapshot: copies a slot to the caller's memory; if the section starts again, it copies everything again */
LEAF(snapshot)
	START
	INDEX
	SLOT
	mov x15, #64
1:
	sub x15, x15, #8
	ldr x14, [x16, x15]
	str x14, [x1, x15]
	cbnz x15, 1b
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(snapshot)
	DESCRIPTOR(cs, start, end, abort)

/* == expected: the expected value is in the caller's memory; code after the section replaces it by the value that was found */
LEAF(expected)
	START
	INDEX
	SLOT
	ldr x15, [x1]
	ldr x14, [x16]
	cmp x15, x14
end:
	str x14, [x1]
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(expected)
	DESCRIPTOR(cs, start, end, abort)

/* == outptr: stores a result through a pointer that it loads from the caller's memory */
LEAF(outptr)
	START
	INDEX
	SLOT
	ldp x15, x14, [x16]
	ldr x13, [x1, #8]
	str x15, [x13]
	ldr x12, [x16, #16]
end:
	mov x0, x12
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(outptr)
	DESCRIPTOR(cs, start, end, abort)

/* == used: only loads; code after the section stores a byte, at the CPU's number */
LEAF(used)
	mov w15, #1
	START
	INDEX
	ldr x14, [x0, x16, lsl #3]
end:
	strb wzr, [x1, x16]
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(used)
	DESCRIPTOR(cs, start, end, abort)

/* == tagbits: sets a bit before the commit; setting it again changes nothing */
LEAF(tagbits)
	START
	INDEX
	SLOT
	ldr x15, [x16, #8]
	orr x15, x15, #1
	str x15, [x16, #8]
	str x1, [x16]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(tagbits)
	DESCRIPTOR(cs, start, end, abort)

/* == tagatomic: like tagbits, but sets the bit with an atomic instruction */
LEAF(tagatomic)
	mov x14, #1
	START
	INDEX
	SLOT
	add x15, x16, #8
	stset x14, [x15]
	str x1, [x16]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(tagatomic)
	DESCRIPTOR(cs, start, end, abort)

/* == maxcsel: before the commit, stores the greater of two values, selected by csel */
LEAF(maxcsel)
	START
	INDEX
	SLOT
	ldr x15, [x16, #8]
	cmp x15, x1
	csel x15, x1, x15, lo
	str x15, [x16, #8]
	str x1, [x16]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(maxcsel)
	DESCRIPTOR(cs, start, end, abort)

/* == maxbranch: before the commit, stores the greater of two values, selected by a branch */
LEAF(maxbranch)
	START
	INDEX
	SLOT
	ldr x15, [x16, #8]
	cmp x15, x1
	b.hs 1f
	mov x15, x1
1:
	str x15, [x16, #8]
	str x1, [x16]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(maxbranch)
	DESCRIPTOR(cs, start, end, abort)

/* == bytefield: before the commit, replaces one byte of a word */
LEAF(bytefield)
	START
	INDEX
	SLOT
	ldr x15, [x16, #8]
	bfi x15, x1, #0, #8
	str x15, [x16, #8]
	str x1, [x16]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(bytefield)
	DESCRIPTOR(cs, start, end, abort)

/* == swpstore: before the commit, stores a constant with swp */
LEAF(swpstore)
	START
	INDEX
	SLOT
	mov w15, #1
	swp w15, w14, [x1]
	str x1, [x16]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(swpstore)
	DESCRIPTOR(cs, start, end, abort)

/* == pushframe: saves a register on the stack in the section; the handler sets the stack pointer from the frame pointer */
BEGIN(pushframe)
	START
	INDEX
	SLOT
	str x3, [sp, #-16]!
	ldr x3, [x16]
	add x15, x3, x1
	ldr x3, [sp], #16
	str x15, [x16]
end:
	mov w0, #0
	RETURN
leave:
	mov w0, #4
	RETURN
	SIGNATURE
abort:
	mov sp, x29
	mov w0, #2
	RETURN
END(pushframe)
	DESCRIPTOR(cs, start, end, abort)

/* == latersave: changes x19, which is saved by code at a higher address */
LEAF(latersave)
	b 5f
6:
	START
	INDEX
	SLOT
	ldr x19, [x16]
	add x19, x19, x1
	str x19, [x16]
end:
	ldr x19, [sp], #16
	ret
leave:
	ldr x19, [sp], #16
	ret
5:
	str x19, [sp, #-16]!
	b 6b
	SIGNATURE
abort:
	ldr x19, [sp], #16
	ret
END_LEAF(latersave)
	DESCRIPTOR(cs, start, end, abort)

/* == vectorsave: changes x19, which was saved in a vector register */
LEAF(vectorsave)
	fmov d7, x19
	START
	INDEX
	SLOT
	ldr x19, [x16]
	add x19, x19, x1
	str x19, [x16]
end:
	fmov x19, d7
	ret
leave:
	fmov x19, d7
	ret
	SIGNATURE
abort:
	fmov x19, d7
	ret
END_LEAF(vectorsave)
	DESCRIPTOR(cs, start, end, abort)

/* == selectbysign: before the section, the sign of cpu_id selects a pointer, so an unregistered thread uses other data */
LEAF(selectbysign)
	mrs x17, tpidr_el0
	add x17, x17, x2
	ldr w15, [x17, #4]
	cmp w15, #0
	csel x0, x3, x0, lt
	START
	ldr w16, [x17]
	SLOT
	ldr x15, [x16]
	add x15, x15, x1
	str x15, [x16]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(selectbysign)
	DESCRIPTOR(cs, start, end, abort)

/* == disarmload: only loads; the last instruction clears rseq_cs */
LEAF(disarmload)
	START
	INDEX
	ldr x15, [x0, x16, lsl #3]
	str xzr, [x17, #8]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(disarmload)
	DESCRIPTOR(cs, start, end, abort)

/* == disarmexit: clears rseq_cs before one of the exits */
LEAF(disarmexit)
	START
	INDEX
	SLOT
	ldr x15, [x16]
	cmp x15, x3
	b.eq 1f
	str xzr, [x17, #8]
	b leave
1:
	str x1, [x16]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(disarmexit)
	DESCRIPTOR(cs, start, end, abort)

/* == exclusive: one path uses a register as an input, and another path overwrites it; the handler starts again */
LEAF(exclusive)
again:
	START
	INDEX
	SLOT
	cbz x1, 1f
	mov x14, x3
	b 2f
1:
	mov x3, #5
	mov x14, x3
2:
	ldr x15, [x16]
	add x15, x15, x14
	str x15, [x16]
end:
	WAYS_OUT(b again)
END_LEAF(exclusive)
	DESCRIPTOR(cs, start, end, abort)

/* == fresh: swp and ldclr replace their operands, which the section sets again at each attempt; the handler starts again */
LEAF(fresh)
again:
	START
	INDEX
	SLOT
	mov w15, #1
	swp w15, w15, [x1]
	mov w15, #8
	ldclr w15, w15, [x3]
	str x1, [x16]
end:
	WAYS_OUT(b again)
END_LEAF(fresh)
	DESCRIPTOR(cs, start, end, abort)

/* == testalias: cpu_id is tested before the section, through another pointer */
LEAF(testalias)
	mrs x12, tpidr_el0
	add x12, x12, x2
	ldr w15, [x12, #4]
	tbnz w15, #31, leave
	START
	ldr w16, [x17, #4]
	str x1, [x0, x16, lsl #3]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(testalias)
	DESCRIPTOR(cs, start, end, abort)

/* == stale16: compares an index loaded before with two bytes of cpu_id, through a pointer from memory */
LEAF(stale16)
	mrs x12, tpidr_el0
	add x12, x12, x2
	ldr w15, [x12]
	ldr x12, [sp, #-8]
	START
	ldrh w16, [x12, #4]
	cmp w16, w15
	b.ne leave
	str x1, [x0, x15, lsl #3]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(stale16)
	DESCRIPTOR(cs, start, end, abort)

/* == stale8: loads cpu_id_start and cpu_id together before the section, and compares both at once in it */
LEAF(stale8)
	mrs x12, tpidr_el0
	add x12, x12, x2
	ldr x15, [x12]
	ldr x12, [sp, #-8]
	START
	ldr x16, [x12]
	cmp x16, x15
	b.ne leave
	mov w15, w15
	str x1, [x0, x15, lsl #3]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(stale8)
	DESCRIPTOR(cs, start, end, abort)

/* == externabort: there is another descriptor, whose abort handler is in another file */
LEAF(externabort)
	START
	INDEX
	str x1, [x0, x16, lsl #3]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(externabort)
	DESCRIPTOR(cs, start, end, abort)
	DESCRIPTOR(csX, start, end, other_abort)

/* == zerodesc: there is another descriptor, which is all zeros, like one that is filled in at run time */
LEAF(zerodesc)
	START
	INDEX
	str x1, [x0, x16, lsl #3]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(zerodesc)
	DESCRIPTOR(cs, start, end, abort)
	TABLE; csX: .long 0, 0; .quad 0, 0, 0; .popsection; POINTER(csX)

/* == duff: jumps to a computed address among the section's own instructions */
LEAF(duff)
	START
	INDEX
	adr x15, tail
	sub x15, x15, x3, lsl #2
	br x15
	add x1, x1, x1
	add x1, x1, x1
	add x1, x1, x1
tail:
	str x1, [x0, x16, lsl #3]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(duff)
	DESCRIPTOR(cs, start, end, abort)

/* == datajump: data before the section look like a jump into it */
LEAF(datajump)
	b 1f
	.word 0x14000000 + ((start + 4 - .) >> 2)
1:
	START
	INDEX
	str x1, [x0, x16, lsl #3]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(datajump)
	DESCRIPTOR(cs, start, end, abort)

/* == swparm: stores the descriptor's address in rseq_cs with swp */
LEAF(swparm)
	ARM(cs)
	add x15, x17, #8
	str x16, [sp, #-8]
	swp x16, x14, [x15]
start:
	INDEX
	str x1, [x0, x16, lsl #3]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(swparm)
	DESCRIPTOR(cs, start, end, abort)

/* == adjacent: the last instruction stores the address of the next section's descriptor in rseq_cs */
LEAF(adjacent)
	START
	INDEX
	ldr x15, [x0, x16, lsl #3]
	ldr x15, [x15]
	adrp x14, csX
	add x14, x14, :lo12:csX
	str x14, [x17, #8]
end:
s2:
	ldr w16, [x17, #4]
	tbnz w16, #31, leave
	str x1, [x0, x16, lsl #3]
e2:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(adjacent)
	DESCRIPTOR(cs, start, end, abort)
	DESCRIPTOR(csX, s2, e2, abort)

/* == calltest: a function that is called before the section tests cpu_id */
BEGIN(calltest)
	bl helper
	cbnz w0, leave
	START
	ldr w16, [x17, #4]
	str x1, [x0, x16, lsl #3]
end:
	mov w0, #0
	RETURN
leave:
	RETURN
	SIGNATURE
abort:
	b leave
helper:
	ret
END(calltest)
	DESCRIPTOR(cs, start, end, abort)

/* == unchanged: before the commit, stores a value in the same place from which it was loaded */
LEAF(unchanged)
	START
	INDEX
	ldr x15, [x1, #8]
	str x15, [x1, #8]
	str x1, [x0, x16, lsl #3]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(unchanged)
	DESCRIPTOR(cs, start, end, abort)

/* == fixedcpu: the index was loaded before the section, which tests a bit of cpu_id */
LEAF(fixedcpu)
	mrs x12, tpidr_el0
	add x12, x12, x2
	ldr w15, [x12]
	START
	ldr w16, [x17, #4]
	tbz w16, #0, leave
	str x1, [x0, x15, lsl #3]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(fixedcpu)
	DESCRIPTOR(cs, start, end, abort)

/* == later: only loads; code after the section stores another value in the same place */
LEAF(later)
	START
	INDEX
	ldr x15, [x0, x16, lsl #3]
end:
	mov x14, x1
	str x14, [x0, x16, lsl #3]
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(later)
	DESCRIPTOR(cs, start, end, abort)

/* == bitselect: before the commit, replaces some bits of a word by another word's; doing it again changes nothing */
LEAF(bitselect)
	START
	INDEX
	SLOT
	ldr x15, [x16, #8]
	eor x14, x15, x1
	and x14, x14, #15
	eor x15, x15, x14
	str x15, [x16, #8]
	str x1, [x16]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(bitselect)
	DESCRIPTOR(cs, start, end, abort)

/* == threads: the rseq area and a word are thread-local, at offsets that only the linker knows; x8 is the module's TLS block */
LEAF(threads)
	adrp x16, cs
	add x16, x16, :lo12:cs
	add x17, x8, #:dtprel_hi12:area
	add x17, x17, #:dtprel_lo12_nc:area
	add x13, x8, #:dtprel_hi12:word
	add x13, x13, #:dtprel_lo12_nc:word
	str x16, [x17, #8]
start:
	INDEX
	str x1, [x13]
	str x1, [x0, x16, lsl #3]
end:
	WAYS_OUT(mov w0, #2; ret)
END_LEAF(threads)
	DESCRIPTOR(cs, start, end, abort)
	.section .tbss, "awT", %nobits
	.balign 32
area:
	.zero 32
word:
	.zero 8
