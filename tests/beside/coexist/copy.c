/* SPDX-License-Identifier: MIT */
/* copy.c - a module that contains a copy of the library or links to the shared library; see copy.h. */
#include "copy.h"

static void add(struct rk_counter *counter, int64_t value)
{
	rk_counter_add(counter, value);
}

static int write_record(struct rk_ring *ring, const void *data, size_t length)
{
	return rk_ring_write(ring, data, length);
}

static int read_try(struct rk_rwlock *lock, struct rk_rwlock_section **section)
{
	return rk_rwlock_read_lock_try(lock, section);
}

static void read_unlock(struct rk_rwlock *lock, struct rk_rwlock_section *section)
{
	rk_rwlock_read_unlock(lock, section);
}

static struct rk_rcu_section *rcu_lock(struct rk_rcu *rcu)
{
	struct rk_rcu_section *section;

	rk_rcu_read_lock(rcu, &section);
	return section;
}

static void rcu_unlock(struct rk_rcu *rcu, struct rk_rcu_section *section)
{
	rk_rcu_read_unlock(rcu, section);
}

const struct copy *copy_of_rseqkit(void)
{
	static const struct copy copy = {
		.version = rk_version,
		.prepare = rk_thread_prepare,
		.reg = rk_thread_register,
		.unreg = rk_thread_unregister,
		.users = rk_thread_users,
		.owner = rk_thread_owner,
		.provider = rk_ktls_provider,
		.reason = rk_thread_reason,
		.area = rk_thread_area,
		.query = rk_process_query,
		.cpus = rk_cpus_count,
		.vfork_begin = rk_vfork_begin,
		.vfork_end = rk_vfork_end,
		.vfork_run = rk_vfork_run,
		.vfork_unblock = rk_vfork_unblock,
		.create = rk_counter_create,
		.add = add,
		.sum = rk_counter_sum,
		.destroy = rk_counter_destroy,
		.create_ring = rk_ring_create,
		.notify = rk_ring_notify,
		.arm = rk_ring_arm,
		.wait = rk_ring_wait_for,
		.write = write_record,
		.destroy_ring = rk_ring_destroy,
		.create_rwlock = rk_rwlock_create,
		.read_try = read_try,
		.read_unlock = read_unlock,
		.read_keep = rk_rwlock_read_keep,
		.write_try = rk_rwlock_write_lock_try,
		.write_unlock = rk_rwlock_write_unlock,
		.create_rcu = rk_rcu_create,
		.rcu_lock = rcu_lock,
		.rcu_unlock = rcu_unlock,
		.rcu_keep = rk_rcu_read_keep,
		.synchronize_for = rk_rcu_synchronize_for,
		.create_thread = pthread_create,
	};

	return &copy;
}
