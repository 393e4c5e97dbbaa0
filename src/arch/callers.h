/* SPDX-License-Identifier: MIT */
/* callers.h - includes the part of thread/callers.c for the architecture, in the middle of that file (RK_READS_CODE). */
#ifndef RK_SRC_ARCH_CALLERS_H
#define RK_SRC_ARCH_CALLERS_H

#if defined(__x86_64__)
#include "x86_64_callers.h"
#elif defined(__aarch64__)
#include "aarch64_callers.h"
#endif

#endif /* RK_SRC_ARCH_CALLERS_H */
