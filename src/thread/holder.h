/* SPDX-License-Identifier: MIT */
/* holder.h - the holder of a claim: a thread, or a level of vfork's bracket that the thread is in. */
#ifndef RK_SRC_HOLDER_H
#define RK_SRC_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Returns the number to claim with: the calling thread's or, inside a bracket, that of the innermost level. After the end
 * of that level the number names no holder. Only for a claim that one function makes and gives back. Async-signal-safe.
 */
uint64_t rk_holder_here(void);

/* Returns whether the calling thread is this holder, by either number. The flag of number.h is ignored. Async-signal-safe. */
bool rk_holder_is_here(uint64_t holder);

/*
 * Returns whether the holder is elsewhere: this process was forked without that thread, or that level has ended. Returns
 * false if the function can't tell. A thread of this process that has ended is not elsewhere. The calling thread must have
 * its own number already. Async-signal-safe.
 */
bool rk_holder_is_elsewhere(uint64_t holder);

#endif /* RK_SRC_HOLDER_H */
