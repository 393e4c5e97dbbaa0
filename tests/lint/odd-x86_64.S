/* SPDX-License-Identifier: MIT */
/*
 * odd-x86_64.S - critical sections that look wrong and are right. Lint may have notes about them, but no error. The lines before
 * the first section of right-x86_64.S are part of this file, too.
 */
#define ARM lea cs(%rip), %rax; mov %rax, %fs:8(%rdx)
#define INDEX mov %fs:4(%rdx), %eax; test %eax, %eax; js leave
#define WAYS_OUT(...) xor %eax, %eax; ret; leave: mov $4, %eax; ret; SIGNATURE; abort: __VA_ARGS__
#define DESCRIPTOR(cs, start, end, abort) TABLE; cs: .long 0, 0; .quad start, end - start, abort; .popsection; POINTER(cs)

/* == commit4: stores two halves of a word; the commit is the store of the lower half */
BEGIN(commit4)
	ARM
start:
	INDEX
	shl $6, %rax
	add %rdi, %rax
	movl %esi, 4(%rax)
	movl %ecx, (%rax)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(commit4)
	DESCRIPTOR(cs, start, end, abort)

/* == flags: branches by flags from before the start label; the handler goes back to the comparison that sets them */
BEGIN(flags)
again:
	cmp %rsi, %rcx
	ARM
start:
	je leave
	INDEX
	shl $6, %rax
	mov %rsi, (%rdi,%rax)
end:
	WAYS_OUT(jmp again)
END(flags)
	DESCRIPTOR(cs, start, end, abort)

/* == outinit: first clears the caller's result; the last instruction stores the final one */
BEGIN(outinit)
	ARM
start:
	INDEX
	movq $0, (%rsi)
	cmpq $0, (%rdi,%rax,8)
	je leave
	mov (%rdi,%rax,8), %rcx
	mov %rcx, (%rsi)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(outinit)
	DESCRIPTOR(cs, start, end, abort)

/* == snapshot: copies a slot to the caller's memory; if the section starts again, it copies everything again */
BEGIN(snapshot)
	mov %rsi, %r9
	mov %rdx, %r10
	mov %rdi, %r11
	lea cs(%rip), %rax
	mov %rax, %fs:8(%r10)
start:
	mov %fs:4(%r10), %eax
	test %eax, %eax
	js leave
	shl $6, %rax
	lea (%r11,%rax), %rsi
	mov %r9, %rdi
	mov $64, %ecx
	rep movsb
end:
	WAYS_OUT(mov $2, %eax; ret)
END(snapshot)
	DESCRIPTOR(cs, start, end, abort)

/* == expected: the expected value is in the caller's memory; code after the section replaces it by the value that was found */
BEGIN(expected)
	ARM
start:
	INDEX
	mov (%rsi), %rcx
	mov (%rdi,%rax,8), %r8
	cmp %rcx, %r8
end:
	mov %r8, (%rsi)
	WAYS_OUT(mov $2, %eax; ret)
END(expected)
	DESCRIPTOR(cs, start, end, abort)

/* == expected2: like expected, but the section itself stores the value that was found, before its last comparison */
BEGIN(expected2)
	ARM
start:
	INDEX
	mov (%rsi), %rcx
	mov (%rdi,%rax,8), %r8
	mov %r8, (%rsi)
	cmp %rcx, %r8
end:
	sete %al
	ret
leave:
	mov $4, %eax
	ret
	SIGNATURE
abort:
	mov $2, %eax
	ret
END(expected2)
	DESCRIPTOR(cs, start, end, abort)

/* == outptr: stores a result through a pointer that it loads from the caller's memory */
BEGIN(outptr)
	ARM
start:
	INDEX
	mov 8(%rsi), %r9
	mov (%rdi,%rax,8), %rcx
	mov %rcx, (%r9)
	mov 8(%rdi,%rax,8), %rcx
end:
	mov %rcx, %rax
	WAYS_OUT(mov $2, %eax; ret)
END(outptr)
	DESCRIPTOR(cs, start, end, abort)

/* == used: only loads; code after the section stores a byte, at the CPU's number */
BEGIN(used)
	ARM
start:
	INDEX
	mov (%rdi,%rax,8), %rcx
end:
	movb $1, (%rsi,%rax)
	WAYS_OUT(mov $2, %eax; ret)
END(used)
	DESCRIPTOR(cs, start, end, abort)

/* == tagbits: sets a bit before the commit; setting it again changes nothing */
BEGIN(tagbits)
	ARM
start:
	INDEX
	shl $6, %rax
	add %rdi, %rax
	mov 8(%rax), %rcx
	or $1, %rcx
	mov %rcx, 8(%rax)
	mov %rsi, (%rax)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(tagbits)
	DESCRIPTOR(cs, start, end, abort)

/* == maxcmov: before the commit, stores the greater of two values, selected by a conditional move */
BEGIN(maxcmov)
	ARM
start:
	INDEX
	shl $6, %rax
	add %rdi, %rax
	mov 8(%rax), %rcx
	cmp %rsi, %rcx
	cmovb %rsi, %rcx
	mov %rcx, 8(%rax)
	mov %rsi, (%rax)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(maxcmov)
	DESCRIPTOR(cs, start, end, abort)

/* == maxbranch: before the commit, stores the greater of two values, selected by a branch */
BEGIN(maxbranch)
	ARM
start:
	INDEX
	shl $6, %rax
	add %rdi, %rax
	mov 8(%rax), %rcx
	cmp %rsi, %rcx
	jae 1f
	mov %rsi, %rcx
1:
	mov %rcx, 8(%rax)
	mov %rsi, (%rax)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(maxbranch)
	DESCRIPTOR(cs, start, end, abort)

/* == bytefield: before the commit, replaces one byte of a word */
BEGIN(bytefield)
	ARM
start:
	INDEX
	shl $6, %rax
	add %rdi, %rax
	mov 8(%rax), %rcx
	mov %sil, %cl
	mov %rcx, 8(%rax)
	mov %rsi, (%rax)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(bytefield)
	DESCRIPTOR(cs, start, end, abort)

/* == xchgstore: before the commit, stores a constant with xchg */
BEGIN(xchgstore)
	ARM
start:
	INDEX
	shl $6, %rax
	add %rdi, %rax
	mov $1, %ecx
	xchg %ecx, (%rsi)
	mov %rsi, (%rax)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(xchgstore)
	DESCRIPTOR(cs, start, end, abort)

/* == pushframe: saves a register on the stack in the section; the handler sets the stack pointer from the frame pointer */
BEGIN(pushframe)
	push %rbp
	mov %rsp, %rbp
	ARM
start:
	INDEX
	push %rcx
	mov (%rdi,%rax,8), %rcx
	add %rcx, %rsi
	pop %rcx
	mov %rsi, (%rdi,%rax,8)
end:
	xor %eax, %eax
	leave
	ret
leave:
	mov $4, %eax
	leave
	ret
	SIGNATURE
abort:
	mov %rbp, %rsp
	mov $2, %eax
	leave
	ret
END(pushframe)
	DESCRIPTOR(cs, start, end, abort)

/* == xchgsave: changes %rbx, which xchg saved in another register */
BEGIN(xchgsave)
	xchg %rbx, %r11
	ARM
start:
	INDEX
	mov (%rdi,%rax,8), %rbx
	add %rsi, %rbx
	mov %rbx, (%rdi,%rax,8)
end:
	xchg %rbx, %r11
	xor %eax, %eax
	ret
leave:
	xchg %rbx, %r11
	ret
	SIGNATURE
abort:
	xchg %rbx, %r11
	ret
END(xchgsave)
	DESCRIPTOR(cs, start, end, abort)

/* == xmmsave: changes %rbx, which was saved in a vector register */
BEGIN(xmmsave)
	movq %rbx, %xmm7
	ARM
start:
	INDEX
	mov (%rdi,%rax,8), %rbx
	add %rsi, %rbx
	mov %rbx, (%rdi,%rax,8)
end:
	movq %xmm7, %rbx
	xor %eax, %eax
	ret
leave:
	movq %xmm7, %rbx
	ret
	SIGNATURE
abort:
	movq %xmm7, %rbx
	ret
END(xmmsave)
	DESCRIPTOR(cs, start, end, abort)

/* == latersave: changes %rbx, which is pushed by code at a higher address */
BEGIN(latersave)
	jmp 5f
6:
	ARM
start:
	INDEX
	mov (%rdi,%rax,8), %rbx
	add %rsi, %rbx
	mov %rbx, (%rdi,%rax,8)
end:
	pop %rbx
	ret
leave:
	pop %rbx
	ret
5:
	push %rbx
	jmp 6b
	SIGNATURE
abort:
	pop %rbx
	ret
END(latersave)
	DESCRIPTOR(cs, start, end, abort)

/* == selectbysign: before the section, the sign of cpu_id selects a pointer, so an unregistered thread uses other data */
BEGIN(selectbysign)
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	cmovs %r8, %rdi
	ARM
start:
	mov %fs:0(%rdx), %eax
	mov (%rdi,%rax,8), %rcx
	add %rsi, %rcx
	mov %rcx, (%rdi,%rax,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(selectbysign)
	DESCRIPTOR(cs, start, end, abort)

/* == disarmload: only loads; the last instruction clears rseq_cs */
BEGIN(disarmload)
	ARM
start:
	INDEX
	mov (%rdi,%rax,8), %rcx
	movq $0, %fs:8(%rdx)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(disarmload)
	DESCRIPTOR(cs, start, end, abort)

/* == disarmexit: clears rseq_cs before one of the exits */
BEGIN(disarmexit)
	ARM
start:
	INDEX
	cmp %rcx, (%rdi,%rax,8)
	je 1f
	movq $0, %fs:8(%rdx)
	jmp leave
1:
	mov %rsi, (%rdi,%rax,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(disarmexit)
	DESCRIPTOR(cs, start, end, abort)

/* == exclusive: one path uses a register as an input, and another path overwrites it; the handler starts again */
BEGIN(exclusive)
again:
	ARM
start:
	INDEX
	test %rsi, %rsi
	je 1f
	mov %rcx, %r9
	jmp 2f
1:
	mov $5, %ecx
	mov %rcx, %r9
2:
	add (%rdi,%rax,8), %r9
	mov %r9, (%rdi,%rax,8)
end:
	WAYS_OUT(jmp again)
END(exclusive)
	DESCRIPTOR(cs, start, end, abort)

/* == testalias: cpu_id is tested before the section, through another pointer */
BEGIN(testalias)
	mov %fs:0, %r11
	add %rdx, %r11
	cmpl $0, 4(%r11)
	js leave
	ARM
start:
	mov %fs:4(%rdx), %eax
	mov %rsi, (%rdi,%rax,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(testalias)
	DESCRIPTOR(cs, start, end, abort)

/* == testalias2: like testalias, and the store to rseq_cs is through a pointer to this field */
BEGIN(testalias2)
	mov %fs:0, %r11
	lea (%r11,%rdx), %r11
	lea 8(%r11), %r10
	mov 4(%r11), %ecx
	test %ecx, %ecx
	js leave
	lea cs(%rip), %rax
	mov %rax, (%r10)
start:
	mov -4(%r10), %eax
	mov %rsi, (%rdi,%rax,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(testalias2)
	DESCRIPTOR(cs, start, end, abort)

/* == stale16: compares an index loaded before with two bytes of cpu_id, through a pointer from memory */
BEGIN(stale16)
	mov %fs:0(%rdx), %r9d
	mov -8(%rsp), %r11
	ARM
start:
	movzwl 4(%r11), %eax
	cmp %eax, %r9d
	jne leave
	mov %rsi, (%rdi,%r9,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(stale16)
	DESCRIPTOR(cs, start, end, abort)

/* == stale8: loads cpu_id_start and cpu_id together before the section, and compares both at once in it */
BEGIN(stale8)
	mov %fs:0(%rdx), %r9
	mov -8(%rsp), %r11
	ARM
start:
	cmp %r9, (%r11)
	jne leave
	mov %r9d, %r9d
	mov %rsi, (%rdi,%r9,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(stale8)
	DESCRIPTOR(cs, start, end, abort)

/* == externabort: there is another descriptor, whose abort handler is in another file */
BEGIN(externabort)
	ARM
start:
	INDEX
	mov %rsi, (%rdi,%rax,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(externabort)
	DESCRIPTOR(cs, start, end, abort)
	DESCRIPTOR(csX, start, end, other_abort)

/* == zerodesc: there is another descriptor, which is all zeros, like one that is filled in at run time */
BEGIN(zerodesc)
	ARM
start:
	INDEX
	mov %rsi, (%rdi,%rax,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(zerodesc)
	DESCRIPTOR(cs, start, end, abort)
	TABLE; csX: .long 0, 0; .quad 0, 0, 0; .popsection; POINTER(csX)

/* == duff: jumps to a computed address among the section's own instructions */
BEGIN(duff)
	ARM
start:
	INDEX
	lea tail(%rip), %r8
	lea (%rcx,%rcx,2), %r9
	sub %r9, %r8
	jmp *%r8
	add %rsi, %rsi
	add %rsi, %rsi
	add %rsi, %rsi
tail:
	mov %rsi, (%rdi,%rax,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(duff)
	DESCRIPTOR(cs, start, end, abort)

/* == datajump: data before the section look like a jump into it */
BEGIN(datajump)
	jmp 1f
	.byte 0x90, 0xe9
	.long start+3-.-4
1:
	ARM
start:
	INDEX
	mov %rsi, (%rdi,%rax,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(datajump)
	DESCRIPTOR(cs, start, end, abort)

/* == xchgarm: stores the descriptor's address in rseq_cs with xchg */
BEGIN(xchgarm)
	push %rbp
	mov %rsp, %rbp
	lea cs(%rip), %rax
	mov %rax, -8(%rbp)
	xchg %rax, %fs:8(%rdx)
start:
	INDEX
	mov %rsi, (%rdi,%rax,8)
end:
	pop %rbp
	WAYS_OUT(mov $2, %eax; ret)
END(xchgarm)
	DESCRIPTOR(cs, start, end, abort)

/* == adjacent: the last instruction stores the address of the next section's descriptor in rseq_cs */
BEGIN(adjacent)
	ARM
start:
	INDEX
	mov (%rdi,%rax,8), %rcx
	mov (%rcx), %rcx
	lea csX(%rip), %r8
	mov %r8, %fs:8(%rdx)
end:
s2:
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	js leave
	mov %rsi, (%rdi,%rax,8)
e2:
	WAYS_OUT(mov $2, %eax; ret)
END(adjacent)
	DESCRIPTOR(cs, start, end, abort)
	DESCRIPTOR(csX, s2, e2, abort)

/* == calltest: a function that is called before the section tests cpu_id */
BEGIN(calltest)
	call helper
	test %eax, %eax
	js leave
	ARM
start:
	mov %fs:4(%rdx), %eax
	mov %rsi, (%rdi,%rax,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
helper:
	ret
END(calltest)
	DESCRIPTOR(cs, start, end, abort)

/* == unchanged: before the commit, stores a value in the same place from which it was loaded */
BEGIN(unchanged)
	ARM
start:
	INDEX
	mov 8(%rsi), %r9
	mov %r9, 8(%rsi)
	mov %rsi, (%rdi,%rax,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(unchanged)
	DESCRIPTOR(cs, start, end, abort)

/* == fixedcpu: the index was loaded before the section, which compares cpu_id with a constant */
BEGIN(fixedcpu)
	mov %fs:0(%rdx), %r9d
	ARM
start:
	cmpl $3, %fs:4(%rdx)
	jne leave
	mov %rsi, (%rdi,%r9,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(fixedcpu)
	DESCRIPTOR(cs, start, end, abort)

/* == freshslot: the stack has an index from before the section, which replaces it before use */
BEGIN(freshslot)
	mov %fs:0(%rdx), %r9d
	mov %r9, -8(%rsp)
	ARM
start:
	INDEX
	test %rsi, %rsi
	je 1f
	mov %rax, -8(%rsp)
	jmp 2f
1:
	mov %rax, -8(%rsp)
	movq $0, -16(%rsp)
2:
	mov -8(%rsp), %rcx
	mov %rsi, (%rdi,%rcx,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(freshslot)
	DESCRIPTOR(cs, start, end, abort)

/* == later: only loads; code after the section stores another value in the same place */
BEGIN(later)
	ARM
start:
	INDEX
	mov (%rdi,%rax,8), %rcx
end:
	mov %rsi, %r8
	mov %r8, (%rdi,%rax,8)
	mov %rcx, %rax
	WAYS_OUT(mov $2, %eax; ret)
END(later)
	DESCRIPTOR(cs, start, end, abort)

/* == bitselect: before the commit, replaces some bits of a word by another word's; doing it again changes nothing */
BEGIN(bitselect)
	ARM
start:
	INDEX
	shl $6, %rax
	add %rdi, %rax
	mov 8(%rax), %rcx
	mov %rcx, %r8
	xor %rsi, %r8
	and $15, %r8d
	xor %r8, %rcx
	mov %rcx, 8(%rax)
	mov %rsi, (%rax)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(bitselect)
	DESCRIPTOR(cs, start, end, abort)

/* == lowpart: replaces the low part of a register, and reads only this part; so the second attempt reads nothing of the first */
BEGIN(lowpart)
again:
	ARM
start:
	INDEX
	cmp %rcx, (%rdi,%rax,8)
	sete %sil
	movzbl %sil, %esi
	mov %rsi, 8(%rdi,%rax,8)
end:
	WAYS_OUT(jmp again)
END(lowpart)
	DESCRIPTOR(cs, start, end, abort)

/* == threads: the rseq area and a word are thread-local, at offsets that only the linker knows; %rdx is the module's TLS block */
BEGIN(threads)
	lea cs(%rip), %rax
	mov %rax, area@dtpoff+8(%rdx)
start:
	mov area@dtpoff+4(%rdx), %eax
	test %eax, %eax
	js leave
	mov %rsi, word@dtpoff(%rdx)
	mov %rsi, (%rdi,%rax,8)
end:
	WAYS_OUT(mov $2, %eax; ret)
END(threads)
	DESCRIPTOR(cs, start, end, abort)
	.section .tbss, "awT", @nobits
	.balign 32
area:
	.zero 32
word:
	.zero 8
