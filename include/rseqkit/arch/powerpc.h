/* SPDX-License-Identifier: MIT */
/* powerpc.h - 32-bit and 64-bit PowerPC: only the thread pointer, which compilers before gcc 14 don't offer by a builtin. */
#ifndef RSEQKIT_ARCH_POWERPC_H
#define RSEQKIT_ARCH_POWERPC_H

/* generic.h describes this macro. The ABIs reserve the registers: r13 in 64-bit programs, r2 in 32-bit programs. */
#if __SIZEOF_POINTER__ == 8
#define RKI_READ_THREAD_POINTER(pointer) __asm__ __volatile__("mr %0, 13" : "=r"(pointer))
#else
#define RKI_READ_THREAD_POINTER(pointer) __asm__ __volatile__("mr %0, 2" : "=r"(pointer))
#endif

#endif /* RSEQKIT_ARCH_POWERPC_H */
