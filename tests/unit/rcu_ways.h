/* SPDX-License-Identifier: MIT */
/* rcu_ways.h - a domain, and every way by which a reader comes and goes. */
#ifndef RCU_WAYS_H
#define RCU_WAYS_H

#include "test.h"

static struct rk_rcu *rcu;

/* An assertion of what is run in a child as well. */
static bool forked;

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (forked)                                                                                            \
			CHECK(condition);                                                                              \
		else                                                                                                   \
			assert_true(condition);                                                                        \
	} while (0)

static void create(void)
{
	MUST(rk_rcu_create(&rcu, 0) == 0);
}

static void destroy(void)
{
	MUST(rk_rcu_destroy(rcu) == 0);
}

/* How a section is begun and left. Where a way can't be had it is another one. */
enum way { BY_SECTION, BY_OVERFLOW, AFTER_ABORTS, WAYS };

static struct rk_rcu_section *lock(enum way way)
{
	return way == BY_SECTION ? rk_rcu_read_lock(rcu) :
				   rk_rcu_read_lock_slow(rcu, way == BY_OVERFLOW ? RK_NO_RSEQ : RK_ABORTED);
}

static void unlock(struct rk_rcu_section *section, enum way way)
{
	if (way == BY_SECTION)
		rk_rcu_read_unlock(rcu, section);
	else
		rk_rcu_read_unlock_slow(rcu, section, way == BY_OVERFLOW ? RK_NO_RSEQ : RK_ABORTED);
}

/* Is there a reader in the way? */
static bool waits(void)
{
	int r = rk_rcu_synchronize_for(rcu, 1000000);

	MUST(r == 0 || r == -ETIMEDOUT);
	return r == -ETIMEDOUT;
}

#endif /* RCU_WAYS_H */
