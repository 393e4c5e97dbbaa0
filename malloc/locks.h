/* SPDX-License-Identifier: MIT */
/*
 * locks.h - each class has a lock, and the pages have one, which is taken last.
 *
 * Forks take all of them, so that children find everything whole.
 *
 * Two don't wait. A handler that interrupted the holder: its thread may have the lock, or who has it may wait for its thread.
 * And who would have to wait for a fork: that may wait for a lock of the libc's, stdio's list of files say, whose holder
 * allocates. These do without: they map memory, and put aside what they free.
 */
#ifndef MALLOC_LOCKS_H
#define MALLOC_LOCKS_H

#include <stdbool.h>

#define LOCK_OF_PAGES 0 /* the others are numbers of classes */

/* Takes one. False if a handler interrupted who has it, or has one that comes after it; or a fork has it, and keeps it. */
bool lock_enter(unsigned which);
void lock_leave(unsigned which);

/* What was put aside, for whoever has the lock next. An item's first word is the next one's address. */
void put_aside(void **list, void *item);
void *take_aside(void **list);

/* Once in a process. */
void locks_begin(void);

#endif /* MALLOC_LOCKS_H */
