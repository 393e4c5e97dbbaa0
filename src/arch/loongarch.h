/* SPDX-License-Identifier: MIT */
/* loongarch.h - LoongArch, 32-bit and 64-bit. */
#ifndef RK_SRC_ARCH_LOONGARCH_H
#define RK_SRC_ARCH_LOONGARCH_H

#define RK_TLS_AT_POINTER 1 /* TLS_TCB_SIZE of glibc's sysdeps/loongarch/dl-tls.h is 0, as the psABI says */

#endif /* RK_SRC_ARCH_LOONGARCH_H */
