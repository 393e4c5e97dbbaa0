/* SPDX-License-Identifier: MIT */
/* i386.h - 32-bit x86. */
#ifndef RK_SRC_ARCH_I386_H
#define RK_SRC_ARCH_I386_H

#include "x86.h"

#endif /* RK_SRC_ARCH_I386_H */
