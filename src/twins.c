/* SPDX-License-Identifier: MIT */
/*
 * twins.c - for each inline function of the headers, a real function with the same name (its twin), which the library
 * exports. Programs in other languages call twins, and debuggers can set breakpoints in them.
 */
#define RKI_INLINE RKI_API
#define RKI_INLINE_ONLY static inline __attribute__((__unused__))
#include <rseqkit.h>
#include <rseqkit/ops.h>
