/* SPDX-License-Identifier: MIT */
/*
 * early.h - finds early adopters: components that follow the protocol of the time before libcs registered threads. They
 * define two thread-local variables: the area __rseq_abi, which is a struct rseq, and __rseq_refcount, which counts the users
 * of the thread's registration. Some adopters have no count.
 */
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
 * Returns the address of the calling thread's __rseq_refcount for the area at this offset. Returns NULL if the adopter has no
 * count, as in the protocol's latest form, or if this copy of the library can't see the count.
 */
volatile uint32_t *rk_early_users(ptrdiff_t area);

/* On musl, looks up the adopter's symbols by name. With glibc, does nothing. The constructor in thread.c calls this function. */
void rk_early_look_up(void);

#endif /* RK_SRC_EARLY_H */
