/* SPDX-License-Identifier: MIT */
/* early.h - early adopters: components that follow the public TLS protocol, __rseq_abi and __rseq_refcount. */
#ifndef RK_SRC_EARLY_H
#define RK_SRC_EARLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Returns whether the executable, or a module loaded with it, defines __rseq_abi in static TLS. If so, *offset is the
 * symbol's offset from the thread pointer, which is the same in every thread. Async-signal-safe.
 */
bool rk_early_area(ptrdiff_t *offset);

/*
 * Returns the calling thread's __rseq_refcount for the area at this offset. NULL: the adopter has no count, as in the
 * protocol's present form, or this copy can't see it.
 */
volatile uint32_t *rk_early_users(ptrdiff_t area);

/* Looks the symbols up where they have to be found by name. The constructor calls this function once. */
void rk_early_look_up(void);

#endif /* RK_SRC_EARLY_H */
