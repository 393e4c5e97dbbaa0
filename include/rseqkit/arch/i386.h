/* SPDX-License-Identifier: MIT */
/*
 * i386.h - the port to 32-bit x86. It has the signature, so that the library can share areas with other components, and no
 * critical sections.
 */
#ifndef RSEQKIT_ARCH_I386_H
#define RSEQKIT_ARCH_I386_H

#define RK_SIGNATURE 0x53053053

/* generic.h describes these macros. */
#define RKI_READ_THREAD_POINTER(pointer) __asm__ __volatile__("mov {%%gs:0, %0|%0, gs:[0]}" : "=r"(pointer))
#define RKI_PLUGIN_ALIGNMENT 64
#define RKI_ORDERS_BY_ITSELF 1

#endif /* RSEQKIT_ARCH_I386_H */
