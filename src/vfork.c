/* SPDX-License-Identifier: MIT */
/*
 * vfork.c - the bracket around a vfork whose child computes: unregister, vfork, register.
 *
 * The child runs on the parent's TLS but has no registration of its own. With the parent's undone first, the area
 * reads cpu_id -1 for both, and the state's depth keeps the slow path from registering either.
 *
 * A signal handler may bracket a vfork of its own between any two instructions here. The invariant: behind a begin,
 * while the depth is above 0, the thread is unregistered, and `restore` says that the outermost end has to register
 * it.
 */
#define _GNU_SOURCE
#include <rseqkit/thread.h>

#include "area.h"
#include "kernel.h"
#include "process.h"

int rk_vfork_begin(void)
{
	const struct rk_process *p = rk_process_get();
	struct rk_thread_state *state = rk_state_in_use(p);
	volatile struct rk_area *area = rk_area_of(p);
	int r;

	if (READ(state->vfork) == UINT8_MAX)
		return -EOVERFLOW;
	/* The depth first: from here on a signal handler's operation registers nothing. */
	WRITE(state->vfork, (uint8_t)(READ(state->vfork) + 1));
	if ((int32_t)area->cpu_id < 0)
		return 0;
	WRITE(state->restore, 1);
	r = p->length == 0 ? -ENOTSUP : rk_sys_rseq(area, p->length, RK_RSEQ_UNREGISTER, RK_SIGNATURE);
	/* A handler's bracket may have unregistered the thread since we looked; it leaves the rest to us. */
	if (r == 0 || (int32_t)area->cpu_id < 0)
		return 0;
	WRITE(state->restore, 0);
	WRITE(state->vfork, (uint8_t)(READ(state->vfork) - 1));
	return -ENOTSUP;
}

int rk_vfork_end(void)
{
	const struct rk_process *p = rk_process_get();
	struct rk_thread_state *state = rk_state_in_use(p);
	int r;

	if (READ(state->vfork) == 0)
		return -EINVAL;
	/*
	 * The depth first here too: a handler's bracket behind the registration must find itself the outermost one.
	 */
	WRITE(state->vfork, (uint8_t)(READ(state->vfork) - 1));
	if (READ(state->vfork) > 0 || !READ(state->restore))
		return 0;
	r = rk_sys_rseq(rk_area_of(p), p->length, 0, RK_SIGNATURE);
	if (r < 0 && r != -EBUSY)
		return r;
	WRITE(state->restore, 0);
	return 0;
}
