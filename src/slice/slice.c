/* SPDX-License-Identifier: MIT */
/*
 * slice.c - the time slice extension of the calling thread (rseqkit/slice.h): switches it on, gives up granted time, and
 * reports why the extension is off.
 *
 * While the thread is registered, the flags in its area (struct rseq) say whether the kernel offers the extension, and
 * whether it is on. A byte of the thread's state (thread/area.h) keeps the result of prctl(2), so each thread calls prctl(2)
 * once. If the extension is off although prctl(2) succeeded, other code switched it off. The byte also counts the mutexes
 * that the thread holds. A region is the time in which the thread requests a longer slice; held mutexes have one region
 * together. The thread is allowed to unlock the mutexes in any order, and the last unlock ends the region. Signal handlers
 * change the byte, too, and restore all of it except the result of prctl(2). If that result gets lost, the thread calls
 * prctl(2) again.
 *
 * Regions aren't counted. An inner region finds that slice_ctrl in the area isn't 0, makes no request, and ends nothing. A
 * longjmp() therefore leaves no wrong count, and copies of the library need no common state. If the kernel has cleared the
 * outer region's request, an inner region makes a new request.
 *
 * rk_slice_end() clears the request and checks whether time was granted. If so, it gives up the CPU by rseq_slice_yield(2).
 * It also makes this system call if the request is gone already, which shows that the thread was preempted. If the thread had
 * been granted time before the preemption, the kernel keeps a mark until the thread's next system call. A kernel with
 * rseq_debug=1 kills the process if it finds both this mark and another request.
 */
#define _GNU_SOURCE
#include <rseqkit/slice.h>

#include "os/kernel.h"
#include "thread/thread.h"
#include "slice.h"

/*
 * Values in `slice` of the thread state. All copies of this library in a process use the same values
 * (rseqkit/detail/agreement.h).
 */
enum {
	NOT_ASKED = 0,
	ASKED = 1,      /* the prctl succeeded, or the extension was on already */
	REFUSED = 2,    /* a filter refused the prctl */
	REFUSED_IT = 3, /* the kernel refused the prctl, whatever the flags say */
	ANSWERS = 3,    /* mask of the values above */
	OWED = 4,       /* the region of the held mutexes made a request, which its end has to clear */
	MUTEX = 8       /* added for each mutex that the thread holds; at most 31 times */
};

static int answer_of(struct rk_thread_state *state)
{
	return READ(state->slice) & ANSWERS;
}

static void keep_answer(struct rk_thread_state *state, int answer)
{
	WRITE(state->slice, (uint8_t)((READ(state->slice) & ~ANSWERS) | answer));
}

/*
 * Keeps the result of prctl(2) in the thread state. Returns 0, -EPERM or -ENOTSUP, never the kernel's ENOTSUPP, which isn't
 * an errno of user space.
 */
static int kept(struct rk_thread_state *state, int result)
{
	bool refused = result == -EPERM || result == -EACCES || result == -ENOSYS;

	keep_answer(state, result == 0 ? ASKED : refused ? REFUSED : REFUSED_IT);
	return result == 0 ? 0 : refused ? -EPERM : -ENOTSUP;
}

/*
 * Returns whether the kernel offers the extension. The word for the extension, slice_ctrl, is the last word of the original
 * area. The kernel uses this word only in areas that are registered with more bytes.
 */
static bool offers(const struct rk_process *p, const volatile struct rk_area *area)
{
	return p->valid >= RK_AREA_LENGTH_ORIGINAL && (area->flags & RK_AREA_SLICE_AVAILABLE) != 0;
}

static bool is_switched_on(const struct rk_process *p, const volatile struct rk_area *area)
{
	return offers(p, area) && (area->flags & RK_AREA_SLICE_ENABLED) != 0;
}

int rk_slice_enable(void)
{
	int r = rk_thread_prepare();
	const struct rk_process *p = rk_process_get();
	struct rk_thread_state *state = rk_state_in_use(p);

	if (r < 0)
		return r;
	if (!offers(p, rk_area_of(p)))
		return -ENOTSUP;
	if (is_switched_on(p, rk_area_of(p))) {
		keep_answer(state, ASKED);
		return 0;
	}
	/* In a vfork child the flags in the area are the parent's, and the kernel would refuse the prctl. */
	return rk_kernel_is_vfork_child() == 1 ? -EAGAIN : kept(state, rk_kernel_slice_on());
}

int rki_slice_begin_slow(void)
{
	const struct rk_process *p = rk_process_get();

	if (answer_of(rk_state_in_use(p)) != NOT_ASKED || rk_slice_enable() != 0 || !is_switched_on(p, rk_area_of(p)))
		return 0;
	return rk_slice_begin();
}

/* The kernel ends granted time at the beginning of each system call. If no time was granted, this system call does nothing. */
void rki_slice_end_slow(void)
{
	(void)RK_SYSCALL(RK_SYS_SLICE_YIELD);
}

/*
 * Returns whether the kernel has cleared the region's request. The kernel does so when the thread waits, for example for
 * another mutex, or when it grants time. If this returns true, call rki_slice_end_slow() before the next request. That call
 * removes the kernel's mark, as at a region's end. Otherwise the kernel would treat the next request as an error
 * (doc/slices.md).
 */
static bool is_lost(struct rk_thread_state *state)
{
	uint32_t control;

	RKI_AREA_READ(control, 28);
	return (READ(state->slice) & OWED) != 0 && control == 0;
}

/*
 * If the thread holds more mutexes than can be counted, a further mutex isn't counted. Until the last counted mutex is
 * unlocked, their region covers this mutex, too.
 */
int rk_slice_hold(void)
{
	struct rk_thread_state *state;

	if (!rk_slice_is_possible() || (!rk_slice_is_offered() && rk_slice_enable() != 0))
		return 0;
	state = rk_state_in_use(rk_process_get());
	if (READ(state->slice) >= UINT8_MAX - MUTEX)
		return 0;
	WRITE(state->slice, (uint8_t)(READ(state->slice) + MUTEX));
	if (is_lost(state))
		rki_slice_end_slow();
	if (rk_slice_begin())
		WRITE(state->slice, READ(state->slice) | OWED);
	return 1;
}

void rk_slice_let_go(int held)
{
	struct rk_thread_state *state;
	uint8_t last;

	if (!held)
		return;
	state = rk_state_in_use(rk_process_get());
	last = READ(state->slice) < 2 * MUTEX ? READ(state->slice) & OWED : 0;
	/*
	 * This must be one store. Between two stores, a signal handler might lock a mutex, and make a request that is never
	 * cleared.
	 */
	WRITE(state->slice, (uint8_t)(READ(state->slice) - MUTEX - last));
	if (last)
		rk_slice_end(1);
}

enum rk_slice_reason rk_slice_thread_reason(void)
{
	const struct rk_process *p = rk_process_get();
	const volatile struct rk_area *area = rk_area_of(p);

	switch (rk_thread_reason()) {
	case RK_REASON_NONE:
		break;
	case RK_REASON_VFORK:
		return RK_SLICE_VFORK;
	case RK_REASON_NOT_YET:
		return RK_SLICE_NOT_YET;
	default:
		return RK_SLICE_NO_RSEQ;
	}
	if (p->feature_size <= RK_AREA_LENGTH_ORIGINAL)
		return RK_SLICE_NO_KERNEL;
	if (p->valid < RK_AREA_LENGTH_ORIGINAL)
		return RK_SLICE_SHORT_AREA;
	if (!offers(p, area))
		return RK_SLICE_NOT_OFFERED;
	if (is_switched_on(p, area))
		return RK_SLICE_NONE;
	switch (answer_of(rk_state_in_use(p))) {
	case NOT_ASKED:
		return RK_SLICE_NOT_YET;
	case REFUSED:
		return RK_SLICE_BLOCKED;
	case REFUSED_IT:
		return RK_SLICE_NOT_OFFERED;
	default:
		return RK_SLICE_SWITCHED_OFF;
	}
}

const char *rk_slice_reason_text(enum rk_slice_reason reason)
{
	static const char *const texts[] = {
		[RK_SLICE_NONE] = "on",
		[RK_SLICE_NOT_YET] = "not asked for yet; the thread's first rk_slice_begin() does that",
		[RK_SLICE_NO_RSEQ] = "the thread has no rseq",
		[RK_SLICE_NO_KERNEL] = "the kernel is older than the slice extension (7.0)",
		[RK_SLICE_SHORT_AREA] = "the area is registered with 32 bytes, too few; rseqkit exec --full-size has longer ones",
		[RK_SLICE_NOT_OFFERED] = "the kernel was built without the slice extension, or started with rseq_slice_ext=0",
		[RK_SLICE_BLOCKED] = "a system call filter refuses prctl",
		[RK_SLICE_SWITCHED_OFF] = "it was on, and another component switched it off",
		[RK_SLICE_VFORK] = "in a vfork child, or between rk_vfork_begin() and rk_vfork_end()",
	};

	return (size_t)reason < sizeof(texts) / sizeof(texts[0]) ? texts[reason] : "unknown";
}
