/* SPDX-License-Identifier: MIT */
/* x86_64.h - 64-bit x86. generic.h describes the macros. */
#ifndef RK_BENCH_ARCH_X86_64_H
#define RK_BENCH_ARCH_X86_64_H

#define BENCH_PAUSE() __builtin_ia32_pause()

#if RK_HAVE_SECTIONS
#include "x86_64_classic.h"
#include "x86_64_floor.h"
#endif

#endif /* RK_BENCH_ARCH_X86_64_H */
