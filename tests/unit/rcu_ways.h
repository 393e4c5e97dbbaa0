/* SPDX-License-Identifier: MIT */
/* rcu_ways.h - an rcu domain, and every way by which a reader enters and leaves a read section. */
#ifndef RCU_WAYS_H
#define RCU_WAYS_H

#include "ways.h"

static struct rk_rcu *rcu;

static void create(void)
{
	MUST(rk_rcu_create(&rcu, 0) == 0);
}

static void destroy(void)
{
	MUST(rk_rcu_destroy(rcu) == 0);
}

static struct rk_rcu_section *lock(enum way way)
{
	struct rk_rcu_section *section;

	if (way != BY_SECTION)
		return rki_rcu_read_lock_slow(rcu, attempt_of(way));
	rk_rcu_read_lock(rcu, &section);
	return section;
}

static void unlock(struct rk_rcu_section *section, enum way way)
{
	if (way == BY_SECTION)
		rk_rcu_read_unlock(rcu, section);
	else
		rki_rcu_read_unlock_slow(rcu, section, attempt_of(way));
}

/* Returns true if a grace period doesn't end within a millisecond, because a reader is inside. */
static bool waits(void)
{
	int r = rk_rcu_synchronize_for(rcu, 1000000);

	MUST(r == 0 || r == -ETIMEDOUT);
	return r == -ETIMEDOUT;
}

#endif /* RCU_WAYS_H */
