/* SPDX-License-Identifier: MIT */
/* number.h - which thread this is, among those of this process and of those that it was forked from. */
#ifndef RK_SRC_NUMBER_H
#define RK_SRC_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Room for a flag of whoever keeps a number. */
#define RK_NUMBER_FLAG ((uint64_t)1 << 63)

/* Set in the number of a level of vfork's bracket (bracket.h), and in no thread's. */
#define RK_NUMBER_BRACKET ((uint64_t)1 << 62)

/*
 * The calling thread's own number, without the flag. A thread keeps it for its life, and the thread that forks keeps it
 * in the child. Never 0. Async-signal-safe.
 */
uint64_t rk_number_mine(void);

/* A number that nothing had before. Async-signal-safe. */
uint64_t rk_number_draw(void);

/* Did another copy of this library draw it? For a thread that has its own number already. */
bool rk_number_is_foreign(uint64_t number);

/*
 * Is that the number of a thread that this process doesn't have, since it was forked without it? False where that can't be
 * told. Not of threads that have ended. For a thread that has its own number already. Async-signal-safe.
 */
bool rk_number_is_elsewhere(uint64_t number);

/*
 * A number of this process, which neither those have that it was forked from nor those that are forked from it; a process
 * id where pages aren't wiped. A vfork child has its parent's. Async-signal-safe.
 */
uint64_t rk_number_process(void);

/*
 * Does the kernel wipe pages at a fork? If not, the number above is the process id. Where there is no memory to ask with
 * neither is so. Async-signal-safe.
 */
bool rk_number_is_wiped(void);
bool rk_number_is_hopeless(void);

/* Makes known where a thread's number is (rki_number_offset). This copy's blocks are in static TLS. Async-signal-safe. */
void rk_number_publish(void);

#endif /* RK_SRC_NUMBER_H */
