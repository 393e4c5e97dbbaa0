/* SPDX-License-Identifier: MIT */
/*
 * locks.h - each class has a lock. The pages have one lock, which is taken last.
 *
 * A fork takes all locks, so that the child finds everything whole.
 *
 * In two cases a thread doesn't wait until it gets a lock:
 *
 * - A signal handler that interrupted the allocator doesn't wait. The interrupted thread possibly holds the lock, or the lock's
 *   holder waits for another lock that the interrupted thread holds.
 * - A thread waits at most 2 ms for a fork. The fork possibly waits for a lock of the libc, for example the lock of stdio's list
 *   of files, and the thread holds that lock while it allocates.
 *
 * Without the lock, a thread maps memory for each object that it allocates, and puts aside each object that it frees.
 */
#ifndef MALLOC_LOCKS_H
#define MALLOC_LOCKS_H

#include <stdbool.h>

#define LOCK_OF_PAGES 0 /* every other lock has the number of its class */

/*
 * Takes a lock. Returns false if a fork holds all locks, and the thread has waited for 2 ms.
 *
 * Also returns false in a handler that interrupted the allocator. Such a handler can take no class's lock. It can take the
 * lock of pages, but only if it didn't interrupt the code of the pages.
 */
bool lock_enter(unsigned which);
void lock_leave(unsigned which);

/*
 * Adds an item to a list, without a lock. The next thread that takes the lock collects the items. The first word of an item is
 * the next item's address.
 */
void put_aside(void **list, void *item);

/* Empties a list of put_aside(). Returns its first item, or NULL. */
void *take_aside(void **list);

/* Registers the handlers of fork. Called once in a process. */
void locks_begin(void);

#endif /* MALLOC_LOCKS_H */
