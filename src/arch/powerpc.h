/* SPDX-License-Identifier: MIT */
/* powerpc.h - PowerPC, 32-bit and 64-bit. */
#ifndef RK_SRC_ARCH_POWERPC_H
#define RK_SRC_ARCH_POWERPC_H

#if __SIZEOF_POINTER__ < 8
#define RK_PAIRS_ARE_EVEN 1
#endif

#endif /* RK_SRC_ARCH_POWERPC_H */
