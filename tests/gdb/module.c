/* SPDX-License-Identifier: MIT */
/* module.c - a module with a critical section. It is unloaded while rseq_cs possibly still points to its descriptor. */
#define STORE pass_in_module
#include "store.h"
