/* SPDX-License-Identifier: MIT */
/*
 * locks.h - each class has a lock. The pages have one lock, which is taken last.
 *
 * A fork takes all locks, so that the child finds everything whole.
 *
 * In two cases a thread doesn't wait for a lock:
 *
 * - A signal handler that interrupted the allocator doesn't wait. Its own thread may hold the lock, or the lock's holder may
 *   wait for another lock that the thread holds.
 * - A thread doesn't wait for a fork. The fork may wait for a lock of the libc, for example that of stdio's list of files, and
 *   the thread may hold that lock while it allocates.
 *
 * Without the lock a thread maps memory for what it allocates, and puts aside what it frees.
 */
#ifndef MALLOC_LOCKS_H
#define MALLOC_LOCKS_H

#include <stdbool.h>

#define LOCK_OF_PAGES 0 /* every other lock has the number of its class */

/*
 * Takes a lock. Returns false if a fork holds all locks for longer than 2 ms.
 *
 * Also returns false in a handler that interrupted the allocator. There no class's lock can be taken, and if the allocator was
 * in the pages, that lock can't be taken either.
 */
bool lock_enter(unsigned which);
void lock_leave(unsigned which);

/*
 * Put items aside until the next thread that takes the lock collects them. The first word of an item is the next item's
 * address.
 */
void put_aside(void **list, void *item);
void *take_aside(void **list);

/* Registers the handlers of fork. Called once in a process. */
void locks_begin(void);

#endif /* MALLOC_LOCKS_H */
