/* SPDX-License-Identifier: MIT */
/*
 * right-x86_64.S - right critical sections, some of which look odd. The script `fixtures` splits this file at the lines that
 * begin with "== NAME", and assembles each part with the lines before the first such line. All of them therefore use the same
 * labels.
 *
 * With NO_TABLES, descriptors are among other data, and there are no other tables.
 */
#define BEGIN(name) .text; .globl name; .type name, @function; name: .cfi_startproc
#define END(name) .cfi_endproc; .size name, . - name
#define SIGNATURE .byte 0x0f, 0xb9, 0x3d; .long 0x53053053
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
	.section .note.GNU-stack, "", @progbits

/* == add: loads the index in the section; the commit stores a sum */
BEGIN(add)
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	js leave
	shl $18, %rax
	add %rdi, %rax
	mov (%rax), %rcx
	add %rsi, %rcx
	mov %rcx, (%rax)
end:
	xor %eax, %eax
	ret
leave:
	mov $4, %eax
	ret
	SIGNATURE
abort:
	mov $2, %eax
	ret
END(add)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)

/* == add_in_place: the commit is an addition to memory */
BEGIN(add_in_place)
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	js leave
	shl $18, %rax
	add %rdi, %rax
	addq $5, (%rax)
end:
	xor %eax, %eax
	ret
leave:
	mov $4, %eax
	ret
	SIGNATURE
abort:
	mov $2, %eax
	ret
END(add_in_place)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)

/* == push: before the commit, stores to a node that is still private */
BEGIN(push)
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	js leave
	shl $18, %rax
	add %rdi, %rax
	mov (%rax), %rcx
from:
	mov %rcx, (%rsi)
to:
	mov %rsi, (%rax)
end:
	xor %eax, %eax
	ret
leave:
	mov $4, %eax
	ret
	SIGNATURE
abort:
	mov $2, %eax
	ret
END(push)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)
	PRIVATE(from, to)

/* == pop: loads through a pointer that it loaded; the handler sets the result's register, too */
BEGIN(pop)
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	js leave
	shl $18, %rax
	add %rdi, %rax
	mov (%rax), %rcx
	test %rcx, %rcx
	je empty
	mov %rcx, %r8
	mov (%rcx), %rcx
	mov %rcx, (%rax)
end:
	mov %r8, %rax
	ret
leave:
	mov $4, %eax
	ret
empty:
	mov $1, %eax
	ret
	SIGNATURE
abort:
	mov $2, %eax
	ret
END(pop)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)
	EXIT(start, empty)

/* == classic: the index is loaded before the section, which compares it with cpu_id */
BEGIN(classic)
again:
	mov %fs:0(%rdx), %r9d
	mov %r9, %r10
	shl $7, %r10
	add %rdi, %r10
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	cmp %r9d, %fs:4(%rdx)
	jne again
	cmp %rcx, (%r10)
	jne end
	mov %rsi, (%r10)
end:
	xor %eax, %eax
	ret
	SIGNATURE
abort:
	jmp again
END(classic)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, again)

/* == spilled: like classic, with the index on the stack */
BEGIN(spilled)
again:
	mov %fs:0(%rdx), %r9d
	mov %r9, -8(%rsp)
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	mov -8(%rsp), %rcx
	mov %fs:4(%rdx), %eax
	cmp %ecx, %eax
	jne again
	mov %rsi, (%rdi,%rcx,8)
end:
	xor %eax, %eax
	ret
	SIGNATURE
abort:
	jmp again
END(spilled)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, again)

/* == cid: indexes by mm_cid; tests cpu_id, because mm_cid is 0 in an unregistered thread */
BEGIN(cid)
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	cmpl $0, %fs:4(%rdx)
	jl leave
	mov %fs:24(%rdx), %eax
	imul $192, %rax, %rax
	mov %rsi, 64(%rdi,%rax)
end:
	xor %eax, %eax
	ret
leave:
	mov $4, %eax
	ret
	SIGNATURE
abort:
	mov $2, %eax
	ret
END(cid)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)

/* == stale_cid: indexes by an mm_cid that was loaded before, and compares it with the current one */
BEGIN(stale_cid)
again:
	mov %fs:24(%rdx), %r9d
	mov %fs:4(%rdx), %r8d
	test %r8d, %r8d
	js leave
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	cmp %r9d, %fs:24(%rdx)
	jne again
	incq (%rdi,%r9,8)
end:
	xor %eax, %eax
	ret
leave:
	mov $4, %eax
	ret
	SIGNATURE
abort:
	jmp again
END(stale_cid)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, again)

/* == load: only loads, so it has no commit */
BEGIN(load)
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	js leave
	shl $18, %rax
	add %rdi, %rax
	mov (%rax), %rcx
end:
	mov %rcx, (%rsi)
	xor %eax, %eax
	ret
leave:
	mov $4, %eax
	ret
	SIGNATURE
abort:
	mov $2, %eax
	ret
END(load)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)

/* == copy: copies by a loop or by a string instruction, so several paths lead to the commit */
BEGIN(copy)
	mov %rdx, %r8
	lea cs(%rip), %rax
	mov %rax, %fs:8(%r8)
start:
	mov %fs:4(%r8), %eax
	test %eax, %eax
	js leave
	shl $18, %rax
	add %r9, %rax
	lea 16(%rax), %rdi
	mov %r10, %rsi
	mov %r11, %rcx
	cmp $160, %rcx
	jae string
from:
loop:
	mov -1(%rsi,%rcx), %dl
	mov %dl, -1(%rdi,%rcx)
	dec %rcx
	jnz loop
	jmp done
string:
	rep movsb
to:
done:
	movq $1, (%rax)
end:
	xor %eax, %eax
	ret
leave:
	mov $4, %eax
	ret
	SIGNATURE
abort:
	mov $2, %eax
	ret
END(copy)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)
	PRIVATE(from, to)

/* == red_zone: stores values below the stack pointer, and loads an operand from there */
BEGIN(red_zone)
	mov %rsi, -16(%rsp)
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	js leave
	mov %rax, -8(%rsp)
	shl $18, %rax
	add %rdi, %rax
	incq -8(%rsp)
	mov -16(%rsp), %rcx
	add (%rax), %rcx
	mov %rcx, (%rax)
end:
	mov %rcx, -16(%rsp)
	xor %eax, %eax
	ret
leave:
	mov $4, %eax
	ret
	SIGNATURE
abort:
	mov $2, %eax
	ret
END(red_zone)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)

/* == retry: the handler is in .text.unlikely, and goes back to the code that stores to rseq_cs */
BEGIN(retry)
	xor %r8d, %r8d
again:
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	js leave
	shl $18, %rax
	add %rdi, %rax
	mov (%rax,%r8), %rcx
	add %rsi, %rcx
	mov %rcx, (%rax)
end:
	xor %eax, %eax
	ret
leave:
	mov $4, %eax
	ret
END(retry)
	.pushsection .text.unlikely, "ax"
	SIGNATURE
abort:
	jmp again
	.popsection
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)

/* == saved: changes a register that the function saved before */
BEGIN(saved)
	push %rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	js leave
	shl $18, %rax
	mov (%rdi,%rax), %rbx
	add %rsi, %rbx
	mov %rbx, (%rdi,%rax)
end:
	xor %eax, %eax
out:
	pop %rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
leave:
	mov $4, %eax
	jmp out
	SIGNATURE
abort:
	mov $2, %eax
	jmp out
END(saved)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)

/* == moves: uses conditional moves instead of branches; an unregistered thread gets a slot of its own */
BEGIN(moves)
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	movslq %fs:4(%rdx), %rax
	xor %ecx, %ecx
	test %rax, %rax
	cmovs %r8, %rax
	mov (%rdi,%rax,8), %r9
	cmp %rsi, %r9
	cmovb %rsi, %r9
	mov %r9, (%rdi,%rax,8)
end:
	xor %eax, %eax
	ret
	SIGNATURE
abort:
	mov $2, %eax
	ret
END(moves)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)

/* == cells: sets and increments a word of private memory; the commit stores the word's address */
BEGIN(cells)
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	js leave
from:
	movq $0, (%r8)
next:
	incq (%r8)
	cmpq $3, (%r8)
	jb next
to:
	mov %r8, (%rdi,%rax,8)
end:
	xor %eax, %eax
	ret
leave:
	mov $4, %eax
	ret
	SIGNATURE
abort:
	mov $2, %eax
	ret
END(cells)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)
	PRIVATE(from, to)

/* == pointer: the rseq area's address is in a register, and the descriptor's address is loaded from the GOT */
BEGIN(pointer)
	mov %fs:0, %r11
	add %rdx, %r11
	mov cs@GOTPCREL(%rip), %rax
	mov %rax, 8(%r11)
start:
	mov 4(%r11), %eax
	test %eax, %eax
	js leave
	cmp %rcx, (%rdi,%rax,8)
	jne leave
	mov %rsi, (%rdi,%rax,8)
end:
	xor %eax, %eax
	ret
leave:
	mov $4, %eax
	ret
	SIGNATURE
abort:
	mov $2, %eax
	ret
END(pointer)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)

/* == two: two sections in one function; the first one's handler goes to the code that starts the second one */
BEGIN(two)
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	js leave
	mov %rsi, (%rdi,%rax,8)
end:
other:
	lea cs2(%rip), %rax
	mov %rax, %fs:8(%rdx)
start2:
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	js leave
	mov %rcx, (%r8,%rax,8)
end2:
	xor %eax, %eax
	ret
leave:
	mov $4, %eax
	ret
	SIGNATURE
abort:
	jmp other
	SIGNATURE
abort2:
	mov $2, %eax
	ret
END(two)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
cs2:
	.long 0, 0
	.quad start2, end2 - start2, abort2
	.popsection
	POINTER(cs)
	POINTER(cs2)
	EXIT(start, leave)
	EXIT(start2, leave)

/* == hoisted: a separate register has the address of cpu_id; the commit is an xchg, whose register is input and result */
BEGIN(hoisted)
	mov %fs:0, %r11
	add %rdx, %r11
	lea 4(%r11), %r10
again:
	mov %fs:0, %r11
	add %rdx, %r11
	lea 4(%r11), %r10
	mov (%r11), %r9d
	lea cs(%rip), %rax
	mov %rax, 8(%r11)
start:
	cmp %r9d, (%r10)
	jne again
	xchg %rsi, (%rdi,%r9,8)
end:
	mov %rsi, %rax
	ret
	SIGNATURE
abort:
	jmp again
END(hoisted)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, again)

/* == restored: the section changes its argument; the handler gets the argument back from a copy, and starts again */
BEGIN(restored)
	mov %rsi, %r9
again:
	lea cs(%rip), %rax
	mov %rax, %fs:8(%rdx)
start:
	mov %fs:4(%rdx), %eax
	test %eax, %eax
	js leave
	add %rcx, %rsi
	mov %rsi, (%rdi,%rax,8)
end:
	xor %eax, %eax
	ret
leave:
	mov $4, %eax
	ret
	SIGNATURE
abort:
	mov %r9, %rsi
	jmp again
END(restored)
	TABLE
cs:
	.long 0, 0
	.quad start, end - start, abort
	.popsection
	POINTER(cs)
	EXIT(start, leave)
