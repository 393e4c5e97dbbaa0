/* SPDX-License-Identifier: MIT */
/*
 * query.c - the public functions that report facts of the process (from the decision, process.h) and of the calling thread
 * (from its struct rseq and its thread state, area.h).
 */
#define _GNU_SOURCE
#include "os/answer.h"
#include "os/kernel.h"
#include "strangers.h"
#include "thread.h"

/*
 * Returns why no thread of this process can have rseq. Each thread can have another seccomp filter, so the refusal of one
 * thread's system call counts only while no thread is known to be registered. If the kind of area has the property
 * `separate` (kinds.c), no refusal is recorded.
 */
static enum rk_reason reason_of_process(const struct rk_process *p)
{
	enum rk_reason reason = rk_process_reason(p);

	if (reason == RK_REASON_NONE && !__atomic_load_n(&p->served, __ATOMIC_RELAXED) &&
	    !rk_area_is_registered(rk_area_of(p)))
		reason = (enum rk_reason)__atomic_load_n(&p->refused, __ATOMIC_RELAXED);
	return reason;
}

static enum rk_owner owner_by(const struct rk_process *p, enum rk_reason reason)
{
	switch (reason) {
	case RK_REASON_NONE:
		return (enum rk_owner)rk_kind_of(p)->owner;
	case RK_REASON_FOREIGN:
	case RK_REASON_SIGNATURE:
		return RK_OWNER_FOREIGN;
	default:
		return RK_OWNER_NONE;
	}
}

int rk_process_query(struct rk_process_info *info, size_t size)
{
	const struct rk_process *p = rk_process_get();
	struct rk_process_info full = {0};

	if (info == NULL || size == 0)
		return -EINVAL;
	full.reason = reason_of_process(p);
	full.owner = owner_by(p, full.reason);
	full.offset = p->offset;
	full.length = p->length;
	full.valid = full.reason == RK_REASON_NONE ? p->valid : 0;
	full.feature_size = p->feature_size;
	full.alignment = p->alignment;
	full.libc_area = p->libc_area;
	full.libc_registers = p->libc_registers;
	rk_answer(info, size, &full, sizeof(full));
	return 0;
}

uint32_t rk_thread_users(void)
{
	return READ(rk_state_in_use(rk_process_get())->users);
}

const volatile struct rk_area *rk_thread_area(void)
{
	volatile struct rk_area *area = rk_area_of(rk_process_get());

	return rk_area_is_registered(area) ? area : NULL;
}

enum rk_reason rk_thread_reason(void)
{
	const struct rk_process *p = rk_process_get();
	struct rk_thread_state *state = rk_state_in_use(p);
	volatile struct rk_area *area = rk_area_of(p);
	uint8_t reason;

	if (rk_area_is_registered(area))
		return RK_REASON_NONE;
	if (rk_is_bracketed(state, area))
		return RK_REASON_VFORK;
	reason = READ(state->reason);
	if (reason == RK_REASON_NONE)
		reason = (uint8_t)rk_process_reason(p);
	if (reason != RK_REASON_NONE)
		return (enum rk_reason)reason;
	if (rk_is_maybe_bracketed(p, area))
		return RK_REASON_VFORK;
	reason = rk_kind_of(p)->reason;
	return reason != RK_REASON_NONE ? (enum rk_reason)reason : RK_REASON_NOT_YET;
}

/*
 * Returns the owner of a registration that isn't in the area of the decision. If librseq was found before its constructor stored
 * where its area is, the decision has another area (plan.c), but by now the area is known.
 */
static enum rk_owner other_owner(const struct rk_process *p)
{
	ptrdiff_t offset;

	if (rk_strangers_librseq_now(&offset) &&
	    (rk_kernel_registered_at(rk_area_at(offset), RK_AREA_LENGTH_ORIGINAL) ||
	     rk_kernel_registered_at(rk_area_at(offset), p->feature_size)))
		return RK_OWNER_LIBRSEQ;
	return RK_OWNER_FOREIGN;
}

/*
 * The kernel's answer counts, because a reason can be that of the whole process. The owner follows from the reason only if the
 * kernel doesn't answer. If the reason is that the system call was refused, it isn't made again. It isn't made either if the libc
 * registers threads, because then other components can't.
 */
enum rk_owner rk_thread_owner(void)
{
	const struct rk_process *p = rk_process_get();
	enum rk_reason reason = rk_thread_reason();
	int registered = -ENOSYS;

	if (reason != RK_REASON_NONE && reason != RK_REASON_NO_KERNEL && reason != RK_REASON_BLOCKED &&
	    reason != RK_REASON_LIBC_GAVE_UP)
		registered = rk_kernel_has_registration();
	if (registered < 0)
		return owner_by(p, reason);
	return registered == 1 ? other_owner(p) : RK_OWNER_NONE;
}
