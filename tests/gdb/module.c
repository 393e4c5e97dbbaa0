/* SPDX-License-Identifier: MIT */
/*
 * module.c - a module with a critical section. The module is unloaded while rseq_cs possibly still points to the section's
 * descriptor.
 */
#define STORE pass_in_module
#include "store.h"
