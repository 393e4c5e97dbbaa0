/* SPDX-License-Identifier: MIT */
/*
 * lock.c - creates and destroys per-CPU locks (lock.h). A lock has a slot for each CPU: a header and the CPU's data. The
 * invariant: a new lock names no holder from an earlier use of its memory.
 */
#define _GNU_SOURCE
#include "lock.h"

#include <rseqkit/remote.h>
#include <errno.h>
#include "os/cpus.h"
#include "percpu/percpu.h"
#include "sync/pool.h"
#include "thread/holder.h"
#include "thread/number.h"

_Static_assert(sizeof(struct rki_lock_slot) <= RK_LOCK_HEADER, "it is in front of the data");
_Static_assert(offsetof(struct rki_lock_slot, closed) == sizeof(intptr_t), "rki_lock_take() relies on it");

/* Slots have 64, 96, 128, 192, ... bytes up to RK_STRIDE. A slot of 96 bytes occupies 128, because it is aligned to 64. */
#define SIZES 25
static struct rk_percpu *lock_pools[SIZES];

static size_t size_of(unsigned which)
{
	return (size_t)(which % 2 ? 96 : 64) << which / 2;
}

int rk_lock_create(struct rk_lock **lock, size_t size)
{
	struct rk_percpu_options options = {.alignment = 64};
	struct rk_percpu *pool;
	void *item = NULL;
	unsigned which = 0;
	int r;

	if (lock == NULL)
		return -EINVAL;
	*lock = NULL;
	if (size > RK_LOCK_SIZE_MAX)
		return -EINVAL;
	while (size_of(which) < size + RK_LOCK_HEADER)
		which++;
	options.item_size = size_of(which);
	r = rk_pool_get_fenced(&lock_pools[which], &options, &pool);
	if (r == 0)
		r = rk_percpu_alloc_for(pool, &item, __builtin_return_address(0));
	if (r < 0)
		return r;
#ifdef __GLIBC__ /* with other libcs the constructor of lock_take.c does this, if possible */
	rk_lock_publish_number();
#endif
	(void)rk_number_mine(); /* before a fork, so that in a child of clone() the number still identifies this thread */
	*lock = (struct rk_lock *)item;
	if (rk_fence_all() == 0)
		return 0;
	for (int cpu = 0; cpu <= rk_cpus_get()->highest; cpu++)
		rk_lock_slot(*lock, cpu)->closed = RK_LOCK_UNFENCED;
	return 0;
}

static struct rk_percpu *pool_of_lock(const struct rk_lock *lock)
{
	struct place place;

	for (int i = 0; i < SIZES; i++) {
		struct rk_percpu *pool = __atomic_load_n(&lock_pools[i], __ATOMIC_ACQUIRE);

		if (rk_pool_has(pool, lock, &place))
			return pool;
	}
	return NULL;
}

static bool is_here(uint64_t holder)
{
	return holder != 0 && !rk_holder_is_elsewhere(holder);
}

int rk_lock_destroy(struct rk_lock *lock)
{
	struct rk_percpu *pool = pool_of_lock(lock);

	if (lock == NULL)
		return 0;
	if (pool == NULL)
		return -EINVAL;
	(void)rk_number_mine();
	for (int index = RK_INDEX_OVERFLOW; index <= rk_cpus_get()->highest; index++) {
		const struct rki_lock_slot *slot = rk_lock_slot(lock, index);

		/* This check only reads. If a thread holds the lock, the information that data is half done has to stay. */
		if (is_here((uint64_t)__atomic_load_n(&slot->held, __ATOMIC_ACQUIRE)) ||
		    is_here(__atomic_load_n(&slot->claim.holder, __ATOMIC_ACQUIRE)))
			return -EBUSY;
	}
	return rk_percpu_free_for(pool, lock, __builtin_return_address(0));
}
