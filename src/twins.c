/* SPDX-License-Identifier: MIT */
/*
 * twins.c - the out-of-line twin of every inline function, from the same headers: for other languages, for old
 * compilers, and to set a breakpoint on.
 */
#include <rseqkit/api.h>
#undef RKI_INLINE
#define RKI_INLINE RKI_API
#include <rseqkit.h>
