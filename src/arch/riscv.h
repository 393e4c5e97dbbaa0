/* SPDX-License-Identifier: MIT */
/* riscv.h - RISC-V, 32-bit and 64-bit. */
#ifndef RK_SRC_ARCH_RISCV_H
#define RK_SRC_ARCH_RISCV_H

#define RK_TLS_AT_POINTER 1 /* TLS_TCB_SIZE of glibc's sysdeps/riscv/dl-tls.h is 0, as the psABI says */

#endif /* RK_SRC_ARCH_RISCV_H */
