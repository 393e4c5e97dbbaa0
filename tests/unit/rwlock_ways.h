/* SPDX-License-Identifier: MIT */
/* rwlock_ways.h - a reader-writer lock, and every way by which a reader enters and leaves. */
#ifndef RWLOCK_WAYS_H
#define RWLOCK_WAYS_H

#include "ways.h"

static struct rk_rwlock *lock;

static inline int read_try(enum way way, struct rk_rwlock_section **section)
{
	return way == BY_SECTION ? rk_rwlock_read_lock_try(lock, section) :
				   rki_rwlock_read_lock_slow(lock, 0, section, attempt_of(way));
}

static inline void read_unlock(enum way way, struct rk_rwlock_section *section)
{
	if (way == BY_SECTION)
		rk_rwlock_read_unlock(lock, section);
	else
		rki_rwlock_read_unlock_slow(lock, section, attempt_of(way));
}

#endif /* RWLOCK_WAYS_H */
