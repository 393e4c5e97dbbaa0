/* SPDX-License-Identifier: MIT */
/* vfork.h as it is on architectures without critical sections. */
#define RKI_VFORK_BY_FORK 1
#include "vfork.cc"
