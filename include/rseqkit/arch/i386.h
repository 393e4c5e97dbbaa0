/* SPDX-License-Identifier: MIT */
/* i386.h - 32-bit x86: only the signature, so that the library can share areas with other components. It has no sections. */
#ifndef RSEQKIT_ARCH_I386_H
#define RSEQKIT_ARCH_I386_H

#define RK_SIGNATURE 0x53053053

#endif /* RSEQKIT_ARCH_I386_H */
