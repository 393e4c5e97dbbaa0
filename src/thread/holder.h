/* SPDX-License-Identifier: MIT */
/* holder.h - which thread this is, among those of this process and of those that it was forked from. */
#ifndef RK_SRC_HOLDER_H
#define RK_SRC_HOLDER_H

#include <stdbool.h>
#include <stdint.h>

/* Room for a flag of whoever keeps a holder. */
#define RK_HOLDER_FLAG ((uint64_t)1 << 63)

/* Set in a number that somebody has inside a bracket of vfork. */
#define RK_HOLDER_BRACKET ((uint64_t)1 << 62)

/*
 * The calling thread's own number, without the flag. A thread keeps it for its life, and the thread that forks keeps it
 * in the child. Never 0. Async-signal-safe.
 */
uint64_t rk_holder_me(void);

/*
 * The same; inside a bracket of vfork a number that is nobody's when the bracket has ended (bracket.h). For what is given
 * back by the same function. Async-signal-safe.
 */
uint64_t rk_holder_here(void);

/* Is the calling thread inside a bracket of vfork, or a vfork child that is? Async-signal-safe. */
bool rk_holder_is_bracketed(void);

/* Is it the calling thread's, by either number? Async-signal-safe. */
bool rk_holder_is_here(uint64_t holder);

/* A number that nobody had before. Async-signal-safe. */
uint64_t rk_holder_draw(void);

/*
 * Is that the number of a thread that this process doesn't have, since it was forked without it, or of a bracket that has
 * ended? False where that can't be told. Not of threads that have ended. For a thread that has its own number already.
 * Async-signal-safe.
 */
bool rk_holder_is_elsewhere(uint64_t holder);

/*
 * A number of this process, which neither those have that it was forked from nor those that are forked from it; a process
 * id where pages aren't wiped. A vfork child has its parent's. Async-signal-safe.
 */
uint64_t rk_holder_process(void);

/*
 * Does the kernel wipe pages at a fork? If not, the number above is the process id. Where there is no memory to ask with
 * neither is so. Async-signal-safe.
 */
bool rk_holder_is_wiped(void);
bool rk_holder_is_hopeless(void);

/* Makes known where a thread's number is (rk_number_offset). This copy's blocks are in static TLS. Async-signal-safe. */
void rk_holder_publish(void);

#endif /* RK_SRC_HOLDER_H */
