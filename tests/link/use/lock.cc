/* SPDX-License-Identifier: MIT */
/* lock.h from C++17, with no cast and no other header. */
#include <rseqkit/lock.h>

int main()
{
	rk_rwlock *lock;
	rk_rwlock_section *outer, *inner;

	if (rk_rwlock_create(&lock, RK_RWLOCK_WRITERS_FIRST) != 0)
		return 1;
	if (rk_rwlock_read_lock(lock, &outer) != 0 || rk_rwlock_read_try(lock, &inner) != 0)
		return 2;
	if (rk_rwlock_write_try(lock) == 0 || rk_rwlock_write_lock_for(lock, 1000) == 0)
		return 3;
	rk_rwlock_read_unlock(lock, inner);
	rk_rwlock_read_unlock(lock, rk_rwlock_keep(lock, outer));
	if (rk_rwlock_write_lock(lock) != 0 || rk_rwlock_read_lock_for(lock, 0, &outer) == 0)
		return 4;
	return rk_rwlock_write_unlock(lock) == 0 ? rk_rwlock_destroy(lock) : 5;
}
