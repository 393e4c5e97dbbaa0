/* SPDX-License-Identifier: MIT */
/*
 * process.c - what is interposed of the life of a process: its end without handlers, and vfork.
 *
 * A vfork child runs on its parent's memory and TLS, in an area that the kernel doesn't keep for it, and some do more there
 * than exec: dash allocates. So the parent is bracketed (rk_vfork_begin() in thread.h), and what the child does is recorded
 * as its parent's. vfork itself can't be called: it returns twice, and the first time spoils the frame for the second. It
 * is done here as C libraries do it: with the return address in a register meanwhile.
 */
#define _GNU_SOURCE
#include "recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

EXPORTED void _exit(int status)
{
	if (way() != WAY_OWN)
		recorder_end();
	next.process_exit(status);
}

EXPORTED void _Exit(int status)
{
	if (way() != WAY_OWN)
		recorder_end();
	next.process_exit_c(status);
}

#if defined(__x86_64__) || defined(__aarch64__)

void recorder_before_vfork(void) __attribute__((__used__));
pid_t recorder_after_vfork(long result) __attribute__((__used__));

/* Where there can be no bracket nothing is recorded meanwhile. */
void recorder_before_vfork(void)
{
	if (mine.silent > 0 || rk_vfork_begin() < 0)
		mine.silent++;
}

/* In the parent. The child may have ended in the middle of a call. */
pid_t recorder_after_vfork(long result)
{
	mine.is_allocating = false;
	if (mine.silent > 0)
		mine.silent--;
	else
		(void)rk_vfork_end();
	if (result >= 0)
		return (pid_t)result;
	errno = (int)-result;
	return -1;
}

#ifdef __x86_64__
__asm__(".pushsection .text\n"
	".globl vfork\n"
	".type vfork, @function\n"
	"vfork:\n"
	".cfi_startproc\n"
	"	subq $8, %rsp\n"
	".cfi_adjust_cfa_offset 8\n"
	"	call recorder_before_vfork\n"
	"	addq $8, %rsp\n"
	".cfi_adjust_cfa_offset -8\n"
	"	popq %rdi\n" /* the kernel keeps it */
	".cfi_adjust_cfa_offset -8\n"
	".cfi_register %rip, %rdi\n"
	"	movl $58, %eax\n"
	"	syscall\n"
	"	pushq %rdi\n"
	".cfi_adjust_cfa_offset 8\n"
	".cfi_rel_offset %rip, 0\n"
	"	testq %rax, %rax\n"
	"	je 1f\n"
	"	movq %rax, %rdi\n"
	"	jmp recorder_after_vfork\n"
	"1:	ret\n"
	".cfi_endproc\n"
	".size vfork, .-vfork\n"
	".popsection\n");
#else
__asm__(".pushsection .text\n"
	".globl vfork\n"
	".type vfork, %function\n"
	"vfork:\n"
	".cfi_startproc\n"
	"	stp x29, x30, [sp, #-16]!\n"
	".cfi_def_cfa_offset 16\n"
	".cfi_offset 30, -8\n"
	".cfi_offset 29, -16\n"
	"	bl recorder_before_vfork\n"
	"	ldp x29, x30, [sp], #16\n"
	".cfi_restore 30\n"
	".cfi_restore 29\n"
	".cfi_def_cfa_offset 0\n"
	"	mov x0, #0x4111\n" /* CLONE_VM | CLONE_VFORK | SIGCHLD */
	"	mov x1, #0\n"
	"	mov x8, #220\n" /* clone */
	"	svc #0\n"
	"	cbz x0, 1f\n"
	"	b recorder_after_vfork\n"
	"1:	ret\n"
	".cfi_endproc\n"
	".size vfork, .-vfork\n"
	".popsection\n");
#endif

#else

/* As POSIX allows it. */
EXPORTED pid_t vfork(void)
{
	return fork();
}

#endif
