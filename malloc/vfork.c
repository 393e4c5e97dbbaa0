/* SPDX-License-Identifier: MIT */
/*
 * vfork.c - vfork, whose child may allocate: it runs on its parent's memory, so on its caches, and has no registration.
 *
 * The parent's is undone before and done again behind (rk_vfork_begin() in thread.h), so that the child finds none, and goes
 * the ways of a thread without rseq. The child returns first, and overwrites the stack; the parent keeps in registers what
 * it needs, as every task has its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <rseqkit/thread.h>
#include <sys/types.h>

/* In the parent, with what the kernel said. Its own name is for the assembly. */
pid_t malloc_vfork_ends(long made, int begun) __attribute__((__used__, __visibility__("hidden")));
pid_t malloc_vfork_ends(long made, int begun)
{
	if (begun == 0)
		(void)rk_vfork_end();
	if (made >= 0)
		return (pid_t)made;
	errno = (int)-made;
	return -1;
}

#define BEGINS ".pushsection .text\n\t.globl vfork\n\t.type vfork, %function\nvfork:\n\t.cfi_startproc\n\t"
#define ENDS ".cfi_endproc\n\t.size vfork, . - vfork\n\t.popsection"

#if defined(__x86_64__)
__asm__(BEGINS
	"endbr64\n\t"
	"subq $8, %rsp\n\t"
	".cfi_adjust_cfa_offset 8\n\t"
	"call rk_vfork_begin\n\t"
	"addq $8, %rsp\n\t"
	".cfi_adjust_cfa_offset -8\n\t"
	"movl %eax, %esi\n\t"
	"popq %rdx\n\t" /* where to return to */
	".cfi_adjust_cfa_offset -8\n\t"
	".cfi_register rip, rdx\n\t"
	"movl $58, %eax\n\t" /* vfork */
	"syscall\n\t"
	"pushq %rdx\n\t"
	".cfi_adjust_cfa_offset 8\n\t"
	".cfi_rel_offset rip, 0\n\t"
	"testq %rax, %rax\n\t"
	"jz 1f\n\t"
	"movq %rax, %rdi\n\t"
	"jmp malloc_vfork_ends\n"
	"1:\tret\n\t"
	ENDS);
#elif defined(__aarch64__)
__asm__(BEGINS
	"stp x30, xzr, [sp, #-16]!\n\t"
	".cfi_adjust_cfa_offset 16\n\t"
	".cfi_rel_offset x30, 0\n\t"
	"bl rk_vfork_begin\n\t"
	"ldp x30, xzr, [sp], #16\n\t"
	".cfi_adjust_cfa_offset -16\n\t"
	".cfi_restore x30\n\t"
	"mov w9, w0\n\t"
	"mov x0, #0x4111\n\t" /* CLONE_VM, CLONE_VFORK, SIGCHLD */
	"mov x1, xzr\n\t"     /* on the same stack */
	"mov x2, xzr\n\t"
	"mov x3, xzr\n\t"
	"mov x4, xzr\n\t"
	"mov x8, #220\n\t" /* clone */
	"svc #0\n\t"
	"mov w1, w9\n\t"
	"cbnz x0, malloc_vfork_ends\n\t"
	"ret\n\t"
	ENDS);
#endif
