/* SPDX-License-Identifier: MIT */
/*
 * module.c - a module with a critical section. The module is unloaded while rseq_cs can still point to the section's
 * descriptor.
 */
#define STORE pass_in_module
#include "store.h"
