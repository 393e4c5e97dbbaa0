/* SPDX-License-Identifier: MIT */
/*
 * i386.h - the port to 32-bit x86. It has only the signature, so that the library can share areas with other components, and
 * no critical sections.
 */
#ifndef RSEQKIT_ARCH_I386_H
#define RSEQKIT_ARCH_I386_H

#define RK_SIGNATURE 0x53053053

#endif /* RSEQKIT_ARCH_I386_H */
