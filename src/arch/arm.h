/* SPDX-License-Identifier: MIT */
/* arm.h - 32-bit Arm. */
#ifndef RK_SRC_ARCH_ARM_H
#define RK_SRC_ARCH_ARM_H

#define RK_TLS_AT_POINTER 0

#define RK_PAIRS_ARE_EVEN 1

#endif /* RK_SRC_ARCH_ARM_H */
