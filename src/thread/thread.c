/* SPDX-License-Identifier: MIT */
/*
 * thread.c - registration of the calling thread, and of the initial one at process start.
 *
 * The slow path is async-signal-safe: raw system calls, no lock, no allocation. A handler may interrupt a thread's very
 * first operation and register the thread. The interrupted operation then gets EBUSY, which means that the thread is
 * registered.
 *
 * The initial thread is registered at process start, so that an owner with a private area sees at its first attempt that it
 * can't have rseq. A foreign owner is a state of the process. Once one private registration is seen, no further thread is
 * registered, because its owner expects every thread. Explicit users are counted, so that unbalanced calls are found. The
 * last one to leave undoes nothing.
 *
 * A vfork child runs on its parent's TLS without a registration. If its parent isn't registered either, this file
 * recognises the child: the kernel has no robust list for it. The libc sets one for each thread of its own and for the
 * child of fork. (On musl the thread id tells, see kernel.h.) If the parent is registered the area names a CPU, and the
 * fast path can't know that this is a child. A thread made by clone() is refused like a vfork child, if it comes to this
 * file. On glibc, with a robust list of its own, it is a thread like any other.
 */
#define _GNU_SOURCE
#include <rseqkit/percpu.h>
#include <rseqkit/thread.h>

#include <signal.h>
#include "area.h"
#include "os/choice.h"
#include "early.h"
#include "exit.h"
#include "os/kernel.h"
#include "pin.h"
#include "process.h"
#include "reason.h"
#include "thread.h"
#include "os/word.h"

/* Not an errno of the kernel: the answer was that the thread is registered, and it isn't. */
#define NOT_TRUE (-4096)

/*
 * Returns the reason for a refusal. EPERM and EINVAL have two meanings each, and so has NOT_TRUE. Whether any registration
 * exists tells them apart. With NOT_TRUE either a filter answered, or the kernel keeps the thread id (KTLS). Such a kernel
 * registers no thread that was cloned on its creator's thread pointer.
 */
static enum rk_reason reason_of(const struct rk_process *p, int error)
{
	switch (error) {
	case NOT_TRUE:
		return p->where == RK_WHERE_KTLS && rk_kernel_has_registration() == 0 ? RK_REASON_AREA : RK_REASON_BLOCKED;
	case -ENOSYS:
		return RK_REASON_NO_KERNEL;
	case -EPERM:
		return rk_kernel_has_registration() == 1 ? RK_REASON_SIGNATURE : RK_REASON_BLOCKED;
	case -EINVAL:
		return rk_kernel_has_registration() == 1 ? RK_REASON_FOREIGN : RK_REASON_AREA;
	case -EFAULT:
		return RK_REASON_AREA;
	default:
		return RK_REASON_BLOCKED;
	}
}

/* The answer that the thread is registered, now or already, is believed only if its area says so. */
static int check_answer(int r, volatile struct rk_area *area)
{
	return (r == 0 || r == -EBUSY) && !rk_area_is_registered(area) ? NOT_TRUE : r;
}

/*
 * Makes the system call. An early adopter's protocol asks for one more user before it, so that the adopter's last user
 * doesn't unregister the thread while we use it. Our user stays, as a libc's would. By the protocol, signals are blocked
 * meanwhile. A handler finds the count and the registration both done, or neither.
 */
static int register_area(const struct rk_process *p, volatile struct rk_area *area)
{
	volatile uint32_t *adopters = rk_kind_of(p)->counted ? rk_early_users(p->offset) : NULL;
	unsigned char before[RK_SIGSET_SIZE];
	bool blocked;
	int r;

	if (adopters == NULL)
		return check_answer(rk_register_at(p, area, p->length), area);
	blocked = rk_kernel_block_signals(before) == 0;
	if (!READ(rk_block.state.counted)) {
		WRITE(rk_block.state.counted, 1);
		(void)rk_word_add(adopters, 1);
	}
	r = check_answer(rk_sys_rseq(area, p->length, 0, RK_SIGNATURE), area);
	if (r < 0 && r != -EBUSY) {
		WRITE(rk_block.state.counted, 0);
		(void)rk_word_add(adopters, (uint32_t)-1);
	}
	if (blocked)
		(void)rk_kernel_set_signals(before, NULL);
	return r;
}

/*
 * Returns whether an early adopter's count lacks us in a thread that the adopter registered. The adopter's last user would
 * then unregister the thread. After the thread's end was seen we are no user any more. If that end can't be seen we never
 * are.
 */
static bool owes_a_count(const struct rk_process *p)
{
	struct rk_thread_state *state = &rk_block.state;

	return rk_kind_of(p)->counted && !READ(state->counted) && READ(state->reason) == RK_REASON_NONE &&
	       rk_exit_is_watched(state) && rk_early_users(p->offset) != NULL;
}

/*
 * Registers the calling thread, where this library does that. Returns 0 or a negative errno. Keeps the reason of a failure
 * that lasts.
 */
static int attach(const struct rk_process *p, volatile struct rk_area *area)
{
	struct rk_thread_state *state = rk_state_in_use(p);
	enum rk_reason reason = RK_REASON_NONE;
	int vfork_child = rk_kernel_is_vfork_child();
	int r;

	if (vfork_child == 1)
		return -rk_reason_errno(RK_REASON_VFORK); /* not kept: the state is the parent's */
	if (vfork_child < 0) {
		/*
		 * The kernel doesn't say whether this is a vfork child, so nothing is registered. A registration in a vfork
		 * child would leave a CPU number in the parent's area.
		 */
		r = rk_kernel_has_registration();
		reason = r == -ENOSYS ? RK_REASON_NO_KERNEL : RK_REASON_BLOCKED;
	} else if (!rk_exit_is_watched(state)) {
		reason = RK_REASON_UNWATCHED;
	} else {
		r = register_area(p, area);
		if (r == 0)
			WRITE(state->registered, 1);
		if (r == 0 || r == -EBUSY)
			return 0;
		/*
		 * A handler undid the registration before the area was read. The bracket's end registers the thread, or the
		 * next attempt does.
		 */
		if (r == NOT_TRUE && (rk_is_bracketed(state, area) || (p->where != RK_WHERE_KTLS && rk_kernel_has_registration() == 0))) {
			WRITE(state->registered, 1);
			return -rk_reason_errno(RK_REASON_VFORK);
		}
		reason = reason_of(p, r);
	}
	WRITE(state->reason, (uint8_t)reason);
	/*
	 * A private registration is a fact of the process: its owner expects every thread. A filter is each thread's own.
	 * Where the kernel registers all threads to come, a private registration is a fact of this thread alone.
	 */
	if (reason == RK_REASON_FOREIGN && p->where != RK_WHERE_KTLS)
		rk_process_give_up(reason);
	return -rk_reason_errno(reason);
}

/*
 * Stores the reason first: a signal handler after the system call must not register the thread again. An early adopter's
 * protocol wants signals blocked from the count's fall to 0 until the thread is unregistered.
 */
void rk_thread_detach(enum rk_reason reason)
{
	const struct rk_process *p = rk_process_get();
	struct rk_thread_state *state = rk_state_in_use(p);
	volatile uint32_t *adopters = rk_kind_of(p)->counted ? rk_early_users(p->offset) : NULL;
	unsigned char before[RK_SIGSET_SIZE];
	bool blocked, last;

	if (READ(state->reason) == RK_REASON_NONE)
		WRITE(state->reason, (uint8_t)reason);
	WRITE(state->restore, 0);
	blocked = rk_kernel_block_signals(before) == 0;
	last = READ(state->registered);
	if (adopters != NULL)
		last = READ(state->counted) && rk_word_add(adopters, (uint32_t)-1) == 0;
	if (last)
		(void)rk_sys_rseq(rk_area_of(p), p->length, RK_RSEQ_UNREGISTER, RK_SIGNATURE);
	WRITE(state->counted, 0);
	WRITE(state->registered, 0);
	if (blocked)
		(void)rk_kernel_set_signals(before, NULL);
}

/*
 * Records a foreign owner, which one copy may have seen in one thread. Where copies share blocks, the fact is passed on
 * both ways: to the process as this copy knows it, and to the other copies in this thread.
 */
static void pass_on_foreign(const struct rk_process *p, struct rk_thread_state *state)
{
	WRITE(state->reason, RK_REASON_FOREIGN);
	if (p->where != RK_WHERE_KTLS && (uint8_t)rk_process_reason(p) != RK_REASON_FOREIGN)
		rk_process_give_up(RK_REASON_FOREIGN);
}

/*
 * A filter may have each of these system calls answered by a handler of SIGSYS (SECCOMP_RET_TRAP). If such a handler comes
 * here as well, it must not make the call again. With SIGSYS blocked that would end the process. Otherwise the handler
 * would come here again and again. Handlers of other signals register the thread as if they hadn't interrupted anything.
 */
static int attach_once(const struct rk_process *p, struct rk_thread_state *state, volatile struct rk_area *area)
{
	uint8_t lazy = READ(state->lazy), tries = lazy & RK_THREAD_TRIES;
	int r = -rk_reason_errno(RK_REASON_VFORK); /* not kept */

	if (tries == RK_THREAD_TRIES || (tries != 0 && rk_kernel_is_blocked(SIGSYS)))
		return r;
	WRITE(state->lazy, (uint8_t)(lazy + RK_THREAD_TRY));
	/*
	 * An adopter's area has the same mark after the adopter's own attempt failed. Then the kernel also gives us the
	 * reason.
	 */
	if (!rk_is_maybe_bracketed(p, area) || rk_kernel_has_registration() != 0)
		r = attach(p, area);
	WRITE(state->lazy, lazy);
	return r;
}

/*
 * The order of the slow path: first whether the thread is registered, then whether a reason is known, and only then the
 * kernel.
 */
static int prepare_in_order(const struct rk_process *p, struct rk_thread_state *state)
{
	volatile struct rk_area *area = rk_area_of(p);
	uint8_t reason;

	if (rk_area_is_registered(area) && owes_a_count(p) && READ(state->vfork) == 0 && rk_kernel_is_vfork_child() == 0)
		(void)register_area(p, area);
	if (rk_area_is_registered(area))
		return 0;
	if (rk_is_bracketed(state, area))
		return -rk_reason_errno(RK_REASON_VFORK);
	reason = READ(state->reason);
	if (reason == RK_REASON_NONE)
		reason = (uint8_t)rk_process_reason(p);
	if (reason == RK_REASON_NONE)
		reason = rk_kind_of(p)->reason;
	if (reason == RK_REASON_FOREIGN)
		pass_on_foreign(p, state);
	if (reason != RK_REASON_NONE)
		return -rk_reason_errno((enum rk_reason)reason);
	return attach_once(p, state, area);
}

/*
 * Prepares the thread, and records the outcome for rk_process_query(). An open bracket says nothing of the process. A
 * thread that hasn't asked librseq yet says nothing either.
 */
static int prepare_and_note(void)
{
	const struct rk_process *p = rk_process_get();
	struct rk_thread_state *state = rk_state_in_use(p);
	int r = prepare_in_order(p, state);

	if (r == 0) {
		rk_process_note(RK_REASON_NONE);
	} else if (r != -rk_reason_errno(RK_REASON_VFORK) && !rk_kind_of(p)->asked) {
		uint8_t reason = READ(state->reason);

		rk_process_note((enum rk_reason)(reason != RK_REASON_NONE ? reason : rk_kind_of(p)->reason));
	}
	return r;
}

int rk_thread_prepare(void)
{
	int r = prepare_and_note();

	if (r == 0)
		WRITE(rk_state_in_use(rk_process_get())->lazy, 1);
	return r;
}

int rk_thread_register(void)
{
	struct rk_thread_state *state = rk_state_in_use(rk_process_get());
	uint32_t users;
	int r = prepare_and_note();

	if (r < 0)
		return r;
	do {
		users = READ(state->users);
		if (users == UINT32_MAX)
			return -EOVERFLOW;
	} while (!rk_word_replace(&state->users, users, users + 1));
	return 0;
}

int rk_thread_unregister(void)
{
	struct rk_thread_state *state = rk_state_in_use(rk_process_get());
	uint32_t users;

	do {
		users = READ(state->users);
		if (users == 0)
			return -EINVAL;
	} while (!rk_word_replace(&state->users, users, users - 1));
	return 0;
}

int rk_process_init(void)
{
	(void)rk_cpus_count();
	(void)rk_debug_chosen();
	return rk_thread_prepare();
}

/*
 * This constructor is here because an archive's member is linked only for what it defines, and code that registers a thread
 * needs the constructor, too.
 *
 * It registers the initial thread at process start, before any code can have kept a copy of the published words. A
 * component with a private area that comes later sees at its first attempt that it can't have rseq.
 */
__attribute__((__constructor__(RK_FIRST_OF_ALL))) static void register_initial_thread(void)
{
	rk_pin_this_module();
	rk_early_look_up();
	rk_exit_process_started();
	(void)rk_thread_prepare();
}
