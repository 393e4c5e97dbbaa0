/* SPDX-License-Identifier: MIT */
/*
 * number.h - thread numbers, which identify the holders of claims (holder.h). A thread's number differs from the numbers of
 * all other threads of this process, and of the processes that this process was forked from.
 */
#ifndef RK_SRC_NUMBER_H
#define RK_SRC_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* This bit is never set in a number. Code that stores a number can use this bit for a flag of its own. */
#define RK_NUMBER_FLAG ((uint64_t)1 << 63)

/* This bit is set in the number of a bracket's level (bracket.h), and in no thread's number. */
#define RK_NUMBER_BRACKET ((uint64_t)1 << 62)

/*
 * Returns the calling thread's own number, without the flag; never 0. A thread keeps its number for its life. In a forked
 * child, the thread that called fork has the same number as in the parent. Async-signal-safe.
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
 * Returns the number of this process. It differs from the numbers of the processes that this process was forked from, and of
 * the processes forked from it. A vfork child has its parent's number. If rk_number_is_wiped() is false, the number is made
 * from the process id, and a vfork child has a number of its own. Async-signal-safe.
 */
uint64_t rk_number_process(void);

/*
 * rk_number_is_wiped() returns whether this library has a page that the kernel fills with zeros in a forked child
 * (MADV_WIPEONFORK). rk_number_is_hopeless() returns whether the kernel can't do that. If there is no memory to find out,
 * both functions return false. Async-signal-safe.
 */
bool rk_number_is_wiped(void);
bool rk_number_is_hopeless(void);

#endif /* RK_SRC_NUMBER_H */
