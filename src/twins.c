/* SPDX-License-Identifier: MIT */
/* twins.c - the exported twins of inline functions, from the same headers: for other languages and for breakpoints. */
#define RKI_INLINE RKI_API
#define RKI_INLINE_ONLY static inline __attribute__((__unused__))
#include <rseqkit.h>
