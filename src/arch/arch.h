/* SPDX-License-Identifier: MIT */
/*
 * arch.h - includes the library's own code for the architecture that the code is compiled for.
 *
 * This folder has the code that only the library needs. include/rseqkit/arch/ has what programs inline. A file NAME.h defines
 * the macros of generic.h whose default isn't right or not the best for this machine.
 */
#ifndef RK_SRC_ARCH_ARCH_H
#define RK_SRC_ARCH_ARCH_H

#include <stdbool.h>
#include <stdint.h>
#include <rseqkit/arch/arch.h>

#if defined(__x86_64__)
#include "x86_64.h"
#elif defined(__i386__)
#include "i386.h"
#elif defined(__aarch64__)
#include "aarch64.h"
#elif defined(__arm__)
#include "arm.h"
#elif defined(__powerpc__)
#include "powerpc.h"
#elif defined(__mips__)
#include "mips.h"
#elif defined(__s390x__)
#include "s390x.h"
#endif
#include "generic.h"

#endif /* RK_SRC_ARCH_ARCH_H */
