/* SPDX-License-Identifier: MIT */
/*
 * vfork.h - a vfork() of one's own, for who interposes it: with a call before it and one behind it.
 *
 * A vfork() can't be wrapped in C. It returns twice, the first time in the child, which then runs on the same stack and
 * spoils the frame of the wrapper. So the function that RK_VFORK() defines keeps in registers what the parent needs: each
 * task has its own.
 */
#ifndef RSEQKIT_VFORK_H
#define RSEQKIT_VFORK_H

#include <rseqkit/thread.h>

#include <sys/types.h>
#if (!defined(__x86_64__) && !defined(__aarch64__)) || defined(__ILP32__)
#define RKI_VFORK_BY_FORK 1
#endif
#ifdef RKI_VFORK_BY_FORK
#include <errno.h>
#include <unistd.h>
#endif

/*
 * RK_VFORK(name, before, after); at file scope defines
 *
 *	pid_t name(void);
 *
 * a function with external linkage that does as vfork() does. It calls
 *
 *	int before(void);                     first, in the parent
 *	pid_t after(long made, int begun);    in the parent, once the child has called exec or ended
 *
 * `made` is the child's process id, or the negative errno of vfork, and then there was no child. `begun` is what before()
 * returned. What after() returns, the function returns. But where before() returns RK_VFORK_AS_FORK it couldn't make the
 * thread ready for a child on its memory: then the function calls fork(), as POSIX allows, and returns what that does, in
 * the child, too. after() isn't called. All three have been declared, in C++ extern "C", and none is static.
 * Assembly calls the two: link-time optimisation keeps them if they are declared __attribute__((__used__)). An allocator
 * whose children may allocate writes:
 *
 *	int begins(void)
 *	{
 *		return rk_vfork_begin() < 0 ? RK_VFORK_AS_FORK : 0;
 *	}
 *	pid_t ended(long made, int begun)
 *	{
 *		(void)rk_vfork_end();
 *		if (made >= 0)
 *			return (pid_t)made;
 *		errno = (int)-made;
 *		return -1;
 *	}
 *	RK_VFORK(vfork, begins, ended);
 *
 * rk_vfork_begin() in thread.h says what that is for. rk_vfork_run() is for programs, which needn't interpose.
 *
 * The function returns: in the child 0; in the parent as said. It may be unwound through from either of the two. On
 * architectures without critical sections it calls fork(), as POSIX allows. The compiler must know that a function of
 * another name than vfork returns twice: declare it __attribute__((__returns_twice__)).
 * Context: as that of before() and after(). Cost: vfork's, 50 to 150 us, and theirs.
 *
 * On x86-64 a child shares its parent's shadow stack, and on arm64 its guarded control stack, where there is one. So it
 * jumps back and doesn't return: the parent's entry is still there when its turn comes. With BTI on arm64 a jump must end at
 * a "bti j", which compilers put behind calls of what returns twice.
 */
#define RK_VFORK_AS_FORK 0x666f726b /* of before(), see above */

#if defined(RKI_VFORK_BY_FORK)
#define RK_VFORK(name, before, after)                                      \
	pid_t name(void)                                                   \
	{                                                                  \
		int begun = before();                                      \
		pid_t made = fork();                                       \
                                                                           \
		if (made == 0 || begun == RK_VFORK_AS_FORK)                \
			return made;                                       \
		return after(made < 0 ? -errno : made, begun);             \
	}                                                                  \
	extern __typeof__(after) after
#elif defined(__x86_64__)
#define RKI_VFORK_ASM(name, before, after)                                                 \
	".pushsection .text\n"                                                             \
	"	.globl " #name "\n"                                                         \
	"	.type " #name ", @function\n"                                               \
	#name ":\n"                                                                        \
	"	.cfi_startproc\n"                                                           \
	"	endbr64\n"                                                                  \
	"	subq $8, %rsp\n"                                                            \
	"	.cfi_adjust_cfa_offset 8\n"                                                 \
	"	call " #before "@PLT\n"                                                     \
	"	addq $8, %rsp\n"                                                            \
	"	.cfi_adjust_cfa_offset -8\n"                                                \
	"	cmpl $0x666f726b, %eax\n"                                                   \
	"	jne 2f\n"                                                                   \
	"	jmp fork@PLT\n"                                                            \
	"2:	movl %eax, %esi\n"                                                         \
	"	popq %rdx\n" /* where to return to */                                       \
	"	.cfi_adjust_cfa_offset -8\n"                                                \
	"	.cfi_register rip, rdx\n"                                                   \
	"	movl $58, %eax\n" /* vfork */                                               \
	"	syscall\n"                                                                  \
	"	testq %rax, %rax\n"                                                         \
	"	jz 1f\n"                                                                    \
	"	pushq %rdx\n"                                                               \
	"	.cfi_remember_state\n"                                                      \
	"	.cfi_adjust_cfa_offset 8\n"                                                 \
	"	.cfi_rel_offset rip, 0\n"                                                   \
	"	movq %rax, %rdi\n"                                                          \
	"	jmp " #after "@PLT\n"                                                       \
	"	.cfi_restore_state\n"                                                       \
	"1:	notrack jmp *%rdx\n"                                                       \
	"	.cfi_endproc\n"                                                             \
	"	.size " #name ", . - " #name "\n"                                           \
	".popsection\n"
#elif defined(__aarch64__)
#define RKI_VFORK_ASM(name, before, after)                                                 \
	".pushsection .text\n"                                                             \
	"	.globl " #name "\n"                                                         \
	"	.type " #name ", %function\n"                                               \
	"	.balign 4\n"                                                                \
	#name ":\n"                                                                        \
	"	.cfi_startproc\n"                                                           \
	"	hint #34\n" /* bti c */                                                     \
	"	stp x29, x30, [sp, #-16]!\n"                                                \
	"	.cfi_adjust_cfa_offset 16\n"                                                \
	"	.cfi_rel_offset x29, 0\n"                                                   \
	"	.cfi_rel_offset x30, 8\n"                                                   \
	"	mov x29, sp\n"                                                              \
	"	bl " #before "\n"                                                           \
	"	ldp x29, x30, [sp], #16\n"                                                  \
	"	.cfi_adjust_cfa_offset -16\n"                                               \
	"	.cfi_restore x29\n"                                                         \
	"	.cfi_restore x30\n"                                                         \
	"	mov w9, #0x726b\n"                                                         \
	"	movk w9, #0x666f, lsl #16\n"                                               \
	"	cmp w0, w9\n"                                                              \
	"	b.ne 3f\n"                                                                 \
	"	b fork\n"                                                                  \
	"3:	mov w9, w0\n"                                                              \
	"	mov x0, #0x4111\n" /* CLONE_VM, CLONE_VFORK, SIGCHLD */                     \
	"	mov x1, xzr\n"     /* on the same stack */                                  \
	"	mov x2, xzr\n"                                                              \
	"	mov x3, xzr\n"                                                              \
	"	mov x4, xzr\n"                                                              \
	"	mov x8, #220\n" /* clone */                                                 \
	"	svc #0\n"                                                                   \
	"	cbz x0, 1f\n"                                                               \
	"	mov w1, w9\n"                                                               \
	"	b " #after "\n"                                                             \
	"1:	mov x16, #1\n"                                                             \
	"	hint #40\n" /* chkfeat x16: 0 if there is a guarded control stack */       \
	"	cbz x16, 2f\n"                                                             \
	"	ret\n"                                                                     \
	"2:	mov x16, x30\n"                                                            \
	"	br x16\n"                                                                  \
	"	.cfi_endproc\n"                                                             \
	"	.size " #name ", . - " #name "\n"                                           \
	".popsection\n"
#endif

#ifdef RKI_VFORK_ASM
#define RK_VFORK(name, before, after) __asm__(RKI_VFORK_ASM(name, before, after))
#endif

#endif /* RSEQKIT_VFORK_H */
