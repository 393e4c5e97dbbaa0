/* SPDX-License-Identifier: MIT */
/*
 * number.h - thread numbers. A thread's number differs from the numbers of all other threads of this process, and of the
 * processes that this process was forked from.
 */
#ifndef RK_SRC_NUMBER_H
#define RK_SRC_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* This bit is never set in a number. Code that stores a number can use this bit as a flag. */
#define RK_NUMBER_FLAG ((uint64_t)1 << 63)

/* This bit is set in the number of a level of vfork's bracket (bracket.h), and in no thread's number. */
#define RK_NUMBER_BRACKET ((uint64_t)1 << 62)

/*
 * Returns the calling thread's own number, without the flag; never 0. A thread keeps its number for its life. After a fork,
 * the thread that forked has the same number in the child. Async-signal-safe.
 */
uint64_t rk_number_mine(void);

/* Returns a number that was never drawn before. Async-signal-safe. */
uint64_t rk_number_draw(void);

/*
 * Returns whether another copy of this library drew the number. Before the call, the calling thread must have drawn its own
 * number.
 */
bool rk_number_is_foreign(uint64_t number);

/*
 * Returns whether the thread with this number is elsewhere: this process was forked without the thread. Returns false if
 * the function can't tell. A thread of this process that has ended is not elsewhere. Before the call, the calling thread
 * must have drawn its own number. Async-signal-safe.
 */
bool rk_number_is_elsewhere(uint64_t number);

/*
 * Returns the number of this process. The processes that this process was forked from have other numbers, and so have the
 * processes forked from it. A vfork child has its parent's number. If there is no page that the kernel wipes at a fork, the
 * number is made from the process id, and a vfork child has a number of its own. Async-signal-safe.
 */
uint64_t rk_number_process(void);

/*
 * rk_number_is_wiped() returns whether this library has a page that the kernel wipes at a fork. rk_number_is_hopeless()
 * returns whether the kernel can't wipe pages. If there is no memory to find out, both functions return false.
 * Async-signal-safe.
 */
bool rk_number_is_wiped(void);
bool rk_number_is_hopeless(void);

/*
 * Publishes where a thread's number is (rki_number_offset). Call this function only in a copy whose block is in static TLS.
 * Async-signal-safe.
 */
void rk_number_publish(void);

#endif /* RK_SRC_NUMBER_H */
