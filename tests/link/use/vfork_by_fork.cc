/* SPDX-License-Identifier: MIT */
/* Uses vfork.h in C++17, in the form that it has on architectures without critical sections. */
#define RKI_VFORK_BY_FORK 1
#include "vfork.cc"
