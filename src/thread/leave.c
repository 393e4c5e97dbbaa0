/* SPDX-License-Identifier: MIT */
/*
 * leave.c - the functions that inlined code calls if the thread isn't registered. These functions register the thread, or return
 * that it has no rseq. They, and all functions that they call, are async-signal-safe.
 */
#define _GNU_SOURCE
#include <rseqkit/slot.h>

#include <sched.h>
#include "thread.h"

/*
 * Returns whether the thread has no rseq for a permanent reason. Returns false if pass_on_foreign() (thread.c) still has to
 * record that another component registered a struct rseq of its own. This function finds by a few loads what prepare_and_note()
 * (thread.c) would find, because every operation of a thread without rseq calls this function.
 */
static bool is_without_rseq(const struct rk_process *p)
{
	uint8_t of_thread = READ(rk_state_in_use(p)->reason);
	uint8_t of_process = (uint8_t)rk_process_reason(p);

	if ((of_thread == RK_REASON_FOREIGN) != (of_process == RK_REASON_FOREIGN))
		return false;
	return !rk_area_is_registered(rk_area_of(p)) &&
	       (of_thread != RK_REASON_NONE || of_process != RK_REASON_NONE || rk_kind_of(p)->reason != RK_REASON_NONE);
}

enum rk_result rki_leave(void)
{
	if (is_without_rseq(rk_process_get()))
		return RK_NO_RSEQ;
	return rk_thread_prepare() == 0 ? RK_ABORTED : RK_NO_RSEQ;
}

/* By now a handler may have registered the thread, or the scheduler may have moved the thread to `cpu`. */
enum rk_result rki_leave_at(int cpu)
{
	int now = (int)rk_area_of(rk_process_get())->cpu_id;

	return now < 0 ? rki_leave() : now == cpu ? RK_ABORTED : RK_WRONG_CPU;
}

int rki_cpu_slow(void)
{
	const struct rk_process *p = rk_process_get();
	int cpu = rk_thread_prepare() == 0 ? (int)rk_area_of(p)->cpu_id : -1, saved = errno;

	if (cpu < 0)
		cpu = sched_getcpu();
	errno = saved;
	return cpu < 0 ? 0 : cpu;
}

int rki_cid_slow(void)
{
	const struct rk_process *p = rk_process_get();

	if (p->valid < RK_FIELD_END_MM_CID || rk_thread_prepare() != 0)
		return -1;
	return (int)rk_area_of(p)->mm_cid;
}
