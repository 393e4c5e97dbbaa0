/* SPDX-License-Identifier: MIT */
/*
 * holder.h - the holder of a claim. A claim is a word with its holder's number, and only the holder may change the claimed
 * data. A holder is a thread, or a level: one of the nested brackets (rk_vfork_begin() to rk_vfork_end()) that the thread is
 * inside.
 */
#ifndef RK_SRC_HOLDER_H
#define RK_SRC_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Returns the number with which the calling thread makes a claim: inside a bracket the number of the innermost level, otherwise
 * the thread's number. After the level's end, the level's number names no holder, so use the result only for a claim that the
 * same function makes and releases. Async-signal-safe.
 */
uint64_t rk_holder_here(void);

/*
 * Returns whether `holder` is the calling thread's number, or the number of a level of this thread's bracket. Ignores the bit
 * RK_NUMBER_FLAG. Async-signal-safe.
 */
bool rk_holder_is_here(uint64_t holder);

/*
 * Returns whether the holder is elsewhere, so that its claims are free: this process was forked without the holder's thread,
 * or the holder's level has ended. Returns false if the function can't tell. A thread of this process that has ended is not
 * elsewhere. Before the call, the calling thread must have drawn its own number (rk_number_mine()). Async-signal-safe.
 */
bool rk_holder_is_elsewhere(uint64_t holder);

#endif /* RK_SRC_HOLDER_H */
