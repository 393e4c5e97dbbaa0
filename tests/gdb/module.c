/* SPDX-License-Identifier: MIT */
/* module.c - a module with a critical section, which is unloaded while rseq_cs possibly still names it. */
#define STORE pass_in_module
#include "store.h"
