/* SPDX-License-Identifier: MIT */
/* early.h - early adopters: components that follow the public TLS protocol, __rseq_abi and __rseq_refcount. */
#ifndef RK_SRC_EARLY_H
#define RK_SRC_EARLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Does the executable, or a module loaded with it, define __rseq_abi in static TLS, so that it is at one offset in
 * every thread? Async-signal-safe.
 */
bool rk_early_area(ptrdiff_t *offset);

/*
 * The calling thread's __rseq_refcount for the area at this offset, or NULL where there is none, as in the protocol's
 * present-day form, or where it can't be seen from here.
 */
volatile uint32_t *rk_early_users(ptrdiff_t area);

/* For the constructor, once: looks the symbols up where they have to be looked up by name. */
void rk_early_look_up(void);

#endif /* RK_SRC_EARLY_H */
