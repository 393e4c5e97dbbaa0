/* SPDX-License-Identifier: MIT */
/* lock.c - the locks of the bench `rwlock`, and the check that nobody has one when a slice is over (lock.h). */
#include "lock.h"

struct rk_rwlock *bench_rwlock;

int bench_lock_create(void)
{
	return rk_rwlock_create(&bench_rwlock, 0);
}

bool bench_settle_rwlock_rseqkit(void)
{
	return rk_rwlock_write_try(bench_rwlock) == 0 && rk_rwlock_write_unlock(bench_rwlock) == 0;
}

#if BENCH_HAVE_CK
struct bench_rwlock_ck bench_rwlock_ck = {CK_RWLOCK_INITIALIZER};

bool bench_settle_rwlock_ck(void)
{
	if (!ck_rwlock_write_trylock(&bench_rwlock_ck.lock))
		return false;
	ck_rwlock_write_unlock(&bench_rwlock_ck.lock);
	return true;
}
#else
bool bench_settle_rwlock_ck(void)
{
	return false;
}
#endif
