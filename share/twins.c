/* SPDX-License-Identifier: MIT */
/*
 * twins.c - functions for the fast paths that librseqkit doesn't export. These fast paths are the operations by concurrency id,
 * rk_cid_...(), and the operations of a given CPU, rk_at_...().
 *
 * C and C++ code inlines these fast paths and doesn't need this file. A binding for another language compiles this file into an
 * object of its own:
 *
 *	cc -O2 -fPIC -shared $(pkg-config --cflags librseqkit) twins.c -o libmytwins.so $(pkg-config --libs librseqkit)
 *
 * If you add -DRK_HIDDEN, the object doesn't export the functions. Then link the object with librseqkit.a.
 */
#define RKI_INLINE_ONLY RKI_API
#include <rseqkit.h>
#include <rseqkit/ops.h>
