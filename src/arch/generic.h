/* SPDX-License-Identifier: MIT */
/*
 * generic.h - what a machine gets if its own file in this folder doesn't define it. A machine without a file gets all of this.
 *
 * The library therefore works on such a machine, but may be slower or lack a feature. For a new port, this file says what each
 * macro means.
 */
#ifndef RK_SRC_ARCH_GENERIC_H
#define RK_SRC_ARCH_GENERIC_H

/* Waits for a moment in a loop that reads a word until another thread changes it. */
#ifndef RK_PAUSE
#define RK_PAUSE() ((void)0)
#endif

/*
 * If *word is `expected`, stores `desired`. `done` says whether it was stored. Other threads never use the word (os/word.h), so
 * one instruction is enough, which other CPUs may interleave with their own accesses.
 */
#ifndef RK_WORD_REPLACE
#define RK_WORD_REPLACE(done, word, expected, desired)                                                                 \
	((done) = __atomic_compare_exchange_n((word), &(expected), (desired), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
#endif

/* A clock that is read fast, without a system call, and not earlier than the instructions before. A user includes os/kernel.h. */
#ifndef RK_CLOCK
#define RK_CLOCK() ((uint64_t)rk_kernel_now())
#endif

/* The size of the kernel's signal set, in bytes. */
#ifndef RK_SIGSET_SIZE
#define RK_SIGSET_SIZE 8
#endif

/* 1 if a 64-bit argument of a system call takes two registers, the first of which must have an even number. */
#ifndef RK_PAIRS_ARE_EVEN
#define RK_PAIRS_ARE_EVEN 0
#endif

/* 1 if the system call mmap takes one argument, the address of a block of memory with all arguments. */
#ifndef RK_MAP_TAKES_BLOCK
#define RK_MAP_TAKES_BLOCK 0
#endif

/*
 * 1 if the thread pointer can be the address of a variable, because a program's TLS begins there or before it. 0 if TLS ends
 * there, or begins after the libc's own data.
 */
#ifndef RK_TLS_AT_POINTER
#define RK_TLS_AT_POINTER 1
#endif

/* Gives valgrind the request in `arguments`, by instructions that do nothing on a processor. Stores valgrind's answer. */
#ifndef RK_ASK_VALGRIND
#define RK_ASK_VALGRIND(answer, arguments) ((void)(answer), (void)(arguments))
#endif

/* The name of a function in the vDSO. */
#ifndef RK_VDSO_NAME
#define RK_VDSO_NAME(name) "__vdso_" name
#endif

/* 1 if shared objects refer to __rseq_abi by TLS descriptors, although embed.h doesn't choose them by itself (thread/early.c). */
#ifndef RK_TLS_DESCRIPTORS_IF_SHARED
#define RK_TLS_DESCRIPTORS_IF_SHARED 0
#endif

/* 1 if thread/callers.c can read this machine's instructions, by NAME_callers.h. */
#ifndef RK_READS_CODE
#define RK_READS_CODE 0
#endif

/*
 * Two macros have no default:
 *   - RK_PAGE_SIZE is defined if all machines of this kind have pages of one size. Without it, the library asks the kernel
 *   - RK_CPUID_HAS_LZCNT() asks the processor whether it has the instruction of RKI_LZCNT (structures/histogram.c)
 */

#endif /* RK_SRC_ARCH_GENERIC_H */
