/* SPDX-License-Identifier: MIT */
/*
 * twins.c - functions for the fast paths that librseqkit doesn't export: the operations by concurrency id and those of a given
 * CPU, rk_cid_...() and rk_at_...().
 *
 * C and C++ code inlines them and doesn't need this file. A binding for another language compiles it into an object of its own:
 *
 *	cc -O2 -fPIC -shared $(pkg-config --cflags librseqkit) twins.c -o libmytwins.so $(pkg-config --libs librseqkit)
 *
 * With -DRK_HIDDEN that object doesn't export the functions. Link it with librseqkit.a then.
 */
#define RKI_INLINE_ONLY RKI_API
#include <rseqkit.h>
