/* SPDX-License-Identifier: MIT */
/*
 * bracket.h - levels of vfork's bracket, by number: what somebody claims inside one, for a function's time, has the number
 * of the innermost, and is free when that has ended, whether or not who claimed it lives.
 */
#ifndef RK_SRC_BRACKET_H
#define RK_SRC_BRACKET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The calling thread is inside a level more, with which its state's depth is this. In person: it isn't inside of any other,
 * and is no vfork child for sure. Async-signal-safe.
 */
void rk_bracket_begun(uint8_t depth, bool in_person);

/*
 * The innermost level of this process ends; the state's depth is this. Those inside it, of vfork children that were killed,
 * have ended before. Returns the depth with it, 0 if that isn't known. Async-signal-safe.
 */
uint8_t rk_bracket_ends(uint8_t depth_now);

/* Is the calling thread inside a bracket, or a vfork child that is? Async-signal-safe. */
bool rk_bracket_is_open(void);

/* The calling thread is inside of none. Async-signal-safe. */
void rk_bracket_none(void);

/* The innermost level's number, or the thread's own if it is inside of none, or inside of too many. Async-signal-safe. */
uint64_t rk_bracket_number(uint64_t thread);

/* Inside whose bracket has somebody that number, which an acquire gave? 0 if that has ended. Async-signal-safe. */
uint64_t rk_bracket_thread(uint64_t number);

#endif /* RK_SRC_BRACKET_H */
