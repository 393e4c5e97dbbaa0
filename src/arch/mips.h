/* SPDX-License-Identifier: MIT */
/* mips.h - MIPS. */
#ifndef RK_SRC_ARCH_MIPS_H
#define RK_SRC_ARCH_MIPS_H

#define RK_SIGSET_SIZE 16
#if _MIPS_SIM == _ABIO32
#define RK_PAIRS_ARE_EVEN 1
#endif

#endif /* RK_SRC_ARCH_MIPS_H */
