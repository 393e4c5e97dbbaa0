/* SPDX-License-Identifier: MIT */
/*
 * vfork.c - the bracket around a vfork whose child computes: unregister, vfork, register.
 *
 * The child runs on the parent's TLS but has no registration of its own. With the parent's undone first, the area
 * reads cpu_id -1 for both, and the block's depth keeps the slow path from registering either.
 */
#include <rseqkit/thread.h>

#include "area.h"
#include "kernel.h"
#include "process.h"
#include "thread_pointer.h"

int rk_vfork_begin(void)
{
	const struct rk_process *p = rk_process_get();
	struct rk_thread_block *block = rk_block_in_use(p);
	volatile struct rk_area *area = rk_area_at(p->offset);
	int r;

	if (block->vfork == UINT8_MAX)
		return -EOVERFLOW;
	/* The depth first: from here on a signal handler's operation registers nothing. */
	block->vfork++;
	__asm__ __volatile__("" ::: "memory");
	if (block->vfork > 1 || (int32_t)area->cpu_id < 0)
		return 0;
	r = p->length == 0 ? -ENOTSUP : rk_sys_rseq(area, p->length, RK_RSEQ_UNREGISTER, RK_SIGNATURE);
	if (r < 0) {
		block->vfork--;
		return r == -ENOTSUP ? r : -ENOTSUP;
	}
	block->restore = 1;
	return 0;
}

int rk_vfork_end(void)
{
	const struct rk_process *p = rk_process_get();
	struct rk_thread_block *block = rk_block_in_use(p);
	int r = 0;

	if (block->vfork == 0)
		return -EINVAL;
	if (block->vfork == 1 && block->restore) {
		r = rk_sys_rseq(rk_area_at(p->offset), p->length, 0, RK_SIGNATURE);
		if (r == 0 || r == -EBUSY) {
			block->restore = 0;
			r = 0;
		}
	}
	__asm__ __volatile__("" ::: "memory");
	block->vfork--;
	return r;
}
