/* SPDX-License-Identifier: MIT */
/* aarch64.h - 64-bit Arm. */
#ifndef RK_BENCH_ARCH_AARCH64_H
#define RK_BENCH_ARCH_AARCH64_H

#define BENCH_PAUSE() __asm__ __volatile__("yield")

#endif /* RK_BENCH_ARCH_AARCH64_H */
