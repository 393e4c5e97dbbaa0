/* SPDX-License-Identifier: MIT */
/* Uses lock.h in C++17, without casts, and with no other header except for errors. */
#include <rseqkit/lock.h>

#include <cerrno>

static int of_each_cpu()
{
	rk_lock *lock;
	void *data, *more;

	if (rk_lock_create(&lock, 8) != 0 || rk_lock_here(lock, &data) != 0)
		return 6;
	if (rk_lock_cpu_try(lock, rk_lock_index(lock, data), &more) != -EBUSY || more != nullptr)
		return 7;
	if (rk_lock_release(lock, data) != 0 || rk_lock_data(lock, RK_INDEX_OVERFLOW) == nullptr)
		return 8;
	if (rk_lock_here_try(lock, &data) != 0 || rk_lock_release(lock, data) != 0)
		return 9;
	if (rk_lock_cpu(lock, 0, &data) != 0 || rk_lock_release(lock, data) != 0)
		return 10;
	return rk_lock_destroy(lock);
}

int main()
{
	rk_rwlock *lock;
	rk_rwlock_section *outer, *inner;

	if (rk_rwlock_create(&lock, RK_RWLOCK_WRITERS_FIRST) != 0)
		return 1;
	if (rk_rwlock_read_lock(lock, &outer) != 0 || rk_rwlock_read_lock_try(lock, &inner) != 0)
		return 2;
	if (rk_rwlock_write_lock_try(lock) == 0 || rk_rwlock_write_lock_for(lock, 1000) == 0)
		return 3;
	rk_rwlock_read_unlock(lock, inner);
	rk_rwlock_read_unlock(lock, rk_rwlock_read_keep(lock, outer));
	if (rk_rwlock_write_lock(lock) != 0 || rk_rwlock_read_lock_for(lock, 0, &outer) == 0)
		return 4;
	if (rk_rwlock_write_unlock(lock) != 0 || rk_rwlock_destroy(lock) != 0)
		return 5;
	return of_each_cpu();
}
