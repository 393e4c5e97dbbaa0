/* SPDX-License-Identifier: MIT */
/* holder.h - who holds what is claimed: a thread, or a level of vfork's bracket that it is in. */
#ifndef RK_SRC_HOLDER_H
#define RK_SRC_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The calling thread's number, or inside a bracket of vfork its innermost level's. After the end of that level the number
 * means no one. For what one function claims and gives back. Async-signal-safe.
 */
uint64_t rk_holder_here(void);

/* Is it the calling thread's, by either number? The flag of number.h doesn't count. Async-signal-safe. */
bool rk_holder_is_here(uint64_t holder);

/*
 * Does it mean no one in this process: a thread that the process was forked without, or a level that has ended? False where
 * that can't be told. Not of threads that have ended. For a thread that has its own number already. Async-signal-safe.
 */
bool rk_holder_is_elsewhere(uint64_t holder);

#endif /* RK_SRC_HOLDER_H */
