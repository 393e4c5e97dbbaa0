/* SPDX-License-Identifier: MIT */
/*
 * twins.c - the exported twins of inline functions, for other languages and for breakpoints. Twins and inline functions are
 * compiled from the same headers.
 */
#define RKI_INLINE RKI_API
#define RKI_INLINE_ONLY static inline __attribute__((__unused__))
#include <rseqkit.h>
