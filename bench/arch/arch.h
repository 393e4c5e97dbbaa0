/* SPDX-License-Identifier: MIT */
/* arch.h - includes the benches' own code for the architecture that the code is compiled for. */
#ifndef RK_BENCH_ARCH_ARCH_H
#define RK_BENCH_ARCH_ARCH_H

#include <rseqkit/ops.h>

#if defined(__x86_64__)
#include "x86_64.h"
#elif defined(__i386__)
#include "i386.h"
#elif defined(__aarch64__)
#include "aarch64.h"
#endif
#include "generic.h"

#endif /* RK_BENCH_ARCH_ARCH_H */
