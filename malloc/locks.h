/* SPDX-License-Identifier: MIT */
/*
 * locks.h - the allocator's locks. Each size class has a lock. The pages (pages.h) have one lock, which a thread takes after
 * a class's lock.
 *
 * A thread that forks takes all of these locks first, so that the child finds all data in a consistent state.
 *
 * In two cases a thread doesn't wait until it gets a lock:
 *
 * - A signal handler that interrupted the allocator doesn't wait. The interrupted thread may hold the lock, or the lock's
 *   holder waits for another lock that the interrupted thread holds.
 * - A thread waits at most 2 ms while another thread's fork holds all locks. That fork can wait for a lock of the libc, for
 *   example the lock of stdio's list of files. The thread that allocates may hold the libc's lock.
 *
 * A thread that doesn't get a lock maps memory for each object that it allocates. It puts each object that it frees into a
 * list, for the next thread that gets the lock (put_aside()).
 */
#ifndef MALLOC_LOCKS_H
#define MALLOC_LOCKS_H

#include <stdbool.h>

#define LOCK_OF_PAGES 0 /* the other locks have the numbers of their classes */

/*
 * Takes a lock. Returns false if another thread's fork holds all locks, and this thread has waited for 2 ms.
 *
 * Also returns false in a signal handler that interrupted the allocator. Such a handler can't take a class's lock. It can
 * take the lock of pages, but only if it didn't interrupt code that holds or takes this lock.
 */
bool lock_enter(unsigned which);
void lock_leave(unsigned which);

/*
 * Adds an item to a list, without taking a lock. The next thread that takes the lock takes the items by take_aside(). The
 * first word of an item becomes the next item's address.
 */
void put_aside(void **list, void *item);

/* Empties a list that put_aside() filled. Returns its first item, or NULL. */
void *take_aside(void **list);

/* Registers the fork handlers. Call this once in a process. */
void locks_begin(void);

#endif /* MALLOC_LOCKS_H */
