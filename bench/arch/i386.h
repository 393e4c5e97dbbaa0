/* SPDX-License-Identifier: MIT */
/* i386.h - 32-bit x86. */
#ifndef RK_BENCH_ARCH_I386_H
#define RK_BENCH_ARCH_I386_H

#define BENCH_PAUSE() __builtin_ia32_pause()

#endif /* RK_BENCH_ARCH_I386_H */
