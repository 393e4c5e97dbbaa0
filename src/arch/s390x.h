/* SPDX-License-Identifier: MIT */
/* s390x.h - 64-bit IBM Z. */
#ifndef RK_SRC_ARCH_S390X_H
#define RK_SRC_ARCH_S390X_H

#define RK_TLS_AT_POINTER 0

#define RK_MAP_TAKES_BLOCK 1 /* struct s390_mmap_arg_struct of the kernel's arch/s390/kernel/sys_s390.c */

#endif /* RK_SRC_ARCH_S390X_H */
