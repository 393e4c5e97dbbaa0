/* SPDX-License-Identifier: MIT */
/*
 * raw.h - system calls and threads without a C library. Nothing in this file uses errno or other thread data of a C library, so
 * its functions work in programs without a C library. They also work in a raw thread, which is a thread that no C library made,
 * from its first instruction on.
 */
#ifndef RAW_H
#define RAW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include "quiet.h"

#ifndef __x86_64__
#error "threads are made by hand for x86-64 only"
#endif

static inline long raw_call6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#define RAW4(number, a, b, c, d) raw_call6(number, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define RAW3(number, a, b, c) RAW4(number, a, b, c, 0)

/* These values are from the kernel's headers, which a C library's compiler wrapper may hide. */
#define RAW_EPERM 1
#define RAW_EAGAIN 11
#define RAW_EFAULT 14
#define RAW_EINVAL 22

#define RAW_CLONE_VM 0x100UL
#define RAW_CLONE_THREAD_FLAGS 0x50f00UL /* VM, FS, FILES, SIGHAND, THREAD, SYSVSEM: shared by threads */
#define RAW_CLONE_SETTLS 0x80000UL
#define RAW_CLONE_CHILD_CLEARTID 0x200000UL
#define RAW_CLONE_RSEQ_KTLS (1UL << 48) /* include/uapi/linux/sched.h with the patches in kernel/ */

/*
 * From include/uapi/linux/rseq.h with the patches in kernel/: a flag of rseq(2), and commands in its last argument. With KTLS,
 * the kernel keeps data for each thread.
 */
#define RAW_KTLS (1 << 2)
#define RAW_KTLS_GET_LAYOUT 1
#define RAW_KTLS_SET_OFFSET 2
#define RAW_KTLS_SET_SIG 3
#define RAW_KTLS_SET_THREAD 4
#define RAW_KTLS_SET_OFFSET_AUTO 7
#define RAW_SIGNATURE 0x53053053

struct raw_clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

/*
 * raw_clone3() and raw_clone() create a thread that calls function(argument) and ends. They return its id or a negative errno.
 * `raw_clone3_first` is the first instruction of a thread that raw_clone3() creates.
 */
long raw_clone3(const struct raw_clone_args *args, size_t size, void (*function)(void *), void *argument);
long raw_clone(unsigned long flags, void *stack_end, void *tls, volatile int *child_tid, void (*function)(void *),
	       void *argument);
extern const char raw_clone3_first[];

#ifdef RAW_DEFINE /* in one file of a program */
__asm__(".pushsection .text\n"
	".globl raw_clone3, raw_clone3_first, raw_clone\n"
	"raw_clone3:\n"
	"	mov %rcx, %r8\n" /* a system call overwrites rcx */
	"	mov $435, %eax\n"
	"	syscall\n"
	"raw_clone3_first:\n"
	"	test %rax, %rax\n"
	"	jz 1f\n"
	"	ret\n"
	"1:	xor %ebp, %ebp\n"
	"	mov %r8, %rdi\n"
	"	call *%rdx\n"
	"	mov $60, %eax\n"
	"	xor %edi, %edi\n"
	"	syscall\n"
	"raw_clone:\n"
	"	push %r12\n"
	"	mov %r8, %r12\n"
	"	mov %rdx, %r8\n"
	"	mov %rcx, %r10\n"
	"	xor %edx, %edx\n"
	"	mov $56, %eax\n"
	"	syscall\n"
	"	test %rax, %rax\n"
	"	jz 2f\n"
	"	pop %r12\n"
	"	ret\n"
	"2:	xor %ebp, %ebp\n"
	"	mov %r9, %rdi\n"
	"	call *%r12\n"
	"	mov $60, %eax\n"
	"	xor %edi, %edi\n"
	"	syscall\n"
	".popsection\n");
#endif

static inline long raw_rseq(volatile void *area, uint32_t length, int flags, uint32_t signature)
{
	return RAW4(quiet_rseq(), area, length, flags, signature);
}

/* Gives the kernel one of the commands of KTLS. */
static inline long raw_ktls(uint32_t command, volatile void *argument, uint32_t size)
{
	return raw_rseq(argument, size, RAW_KTLS, command);
}

static inline char *raw_thread_pointer(void)
{
	char *pointer;

	__asm__("mov %%fs:0, %0" : "=r"(pointer));
	return pointer;
}

/* Waits for the end of the thread whose CLONE_CHILD_CLEARTID address is `child_tid`. */
static inline void raw_wait_for_end(volatile int *child_tid)
{
	int now;

	while ((now = __atomic_load_n(child_tid, __ATOMIC_ACQUIRE)) != 0)
		(void)RAW4(__NR_futex, child_tid, 0, now, 0); /* FUTEX_WAIT; the kernel's wake isn't private */
}

#endif /* RAW_H */
