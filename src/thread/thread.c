/* SPDX-License-Identifier: MIT */
/*
 * thread.c - registers the calling thread, and the initial thread at process start.
 *
 * The slow path is async-signal-safe: it makes raw system calls, takes no lock, and allocates nothing. A handler can
 * interrupt a thread's very first operation and register the thread. The interrupted operation then gets EBUSY from the
 * kernel, which means that the thread is registered.
 *
 * An area is the struct rseq that a thread registers. The initial thread is registered at process start. A component that would
 * later register a private area, one that this library doesn't use, learns at its first attempt that it can't have rseq. If
 * this library finds one thread that such a component has registered, it registers no further thread of the process, because
 * the component expects to register every thread. rk_thread_register() counts users, so that unbalanced calls are found. When
 * the last user unregisters, the thread stays registered.
 *
 * A vfork child runs on its parent's TLS without a registration of its own. If the parent is unregistered, too, the
 * child's operations call this file. This file recognises the child, because the kernel has no robust list for it. The libc
 * sets a robust list only for the threads that it creates, and for the child of fork(). (On musl the thread id shows a vfork
 * child, see kernel.h.) If the parent is registered, the area names a CPU, and the fast path can't see that it runs in a
 * child. If a thread made by clone() calls this file, it is refused like a vfork child. On glibc, a thread of clone() that
 * has set a robust list of its own is treated like any other thread.
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
#include "os/modules.h"
#include "pin.h"
#include "process.h"
#include "reason.h"
#include "thread.h"
#include "os/word.h"

/*
 * This value is no errno of the kernel. It means: the system call reported that the thread is registered, but cpu_id in the
 * area shows that it isn't.
 */
#define NOT_TRUE (-4096)

/*
 * Returns the reason for a refusal. EPERM, EINVAL and NOT_TRUE have two meanings each. This function finds out which meaning
 * is right by asking whether the thread has any registration. NOT_TRUE results if a seccomp filter answered, or if the kernel
 * has KTLS (ktls/ktls.h). A kernel with KTLS registers no thread that was cloned on its creator's thread pointer.
 */
static enum rk_reason reason_of(const struct rk_process *p, int error)
{
	switch (error) {
	case NOT_TRUE:
		return rk_kind_of(p)->vague_busy && rk_kernel_has_registration() == 0 ? RK_REASON_AREA : RK_REASON_BLOCKED;
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

/*
 * Returns `r`, the answer of a registering system call, or NOT_TRUE. The answers 0 (registered now) and EBUSY (registered
 * already) become NOT_TRUE if the thread's area shows that the thread isn't registered.
 */
static int check_answer(int r, volatile struct rk_area *area)
{
	return (r == 0 || r == -EBUSY) && !rk_area_is_registered(area) ? NOT_TRUE : r;
}

/*
 * Makes the system call that registers the thread. In an early adopter's area (early.h), its protocol demands that this
 * library adds itself to the thread's count of users before the call. Otherwise the adopter's last user would unregister the
 * thread while we use the registration. The count stays raised for the thread's life, as a libc would leave it. By the
 * protocol, signals are blocked during these steps. A handler therefore never finds the raised count without the registration,
 * or the registration without the raised count.
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
	r = check_answer(rk_register_at(p, area, p->length), area);
	if (r < 0 && r != -EBUSY) {
		WRITE(rk_block.state.counted, 0);
		(void)rk_word_add(adopters, (uint32_t)-1);
	}
	if (blocked)
		(void)rk_kernel_set_signals(before, NULL);
	return r;
}

/*
 * Returns whether an early adopter registered this thread, and this library hasn't yet added itself to the adopter's count of
 * users. If it weren't in the count, the adopter's last user would unregister the thread. This function returns false if this
 * library has already handled the thread's end (exit.h), or won't see the end.
 */
static bool owes_a_count(const struct rk_process *p)
{
	struct rk_thread_state *state = &rk_block.state;

	return rk_kind_of(p)->counted && !READ(state->counted) && READ(state->reason) == RK_REASON_NONE &&
	       rk_exit_is_watched(state) && rk_early_users(p->offset) != NULL;
}

/* Registers the calling thread. Returns 0 or a negative errno. If the failure is permanent, stores its reason. */
static int attach(const struct rk_process *p, volatile struct rk_area *area)
{
	struct rk_thread_state *state = rk_state_in_use(p);
	enum rk_reason reason = RK_REASON_NONE;
	int vfork_child = rk_kernel_is_vfork_child();
	int r;

	if (vfork_child == 1)
		return -rk_reason_errno(RK_REASON_VFORK); /* not kept as a reason in the state, which is the parent's */
	if (vfork_child < 0) {
		/*
		 * The kernel doesn't say whether this is a vfork child, so the thread isn't registered. A registration in a
		 * vfork child would leave a CPU number in the parent's area.
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
		 * If the conditions below hold, a signal handler's rk_vfork_begin() undid the registration before
		 * check_answer() read the area. The thread is registered again by the matching rk_vfork_end(), or by the next
		 * attempt.
		 */
		if (r == NOT_TRUE && (rk_is_bracketed(state, area) ||
				      (!rk_kind_of(p)->vague_busy && rk_kernel_has_registration() == 0))) {
			WRITE(state->registered, 1);
			return -rk_reason_errno(RK_REASON_VFORK);
		}
		reason = reason_of(p, r);
	}
	WRITE(state->reason, (uint8_t)reason);
	/*
	 * A private registration counts for the whole process, because its owner expects to register every thread. A
	 * filter's refusal counts only for the thread. With KTLS the kernel registers all later threads, so there a private
	 * registration also counts only for the thread.
	 */
	if (reason == RK_REASON_FOREIGN && !rk_kind_of(p)->separate)
		rk_process_give_up(reason);
	return -rk_reason_errno(reason);
}

/*
 * Records that another component has registered threads in a private area. Sometimes only one copy of this library has seen
 * this, in one thread. This function therefore stores the reason in the thread's state (area.h), which other copies read if the
 * copies share one thread block. Without KTLS, it also stores the reason in this copy's record of the process.
 */
static void pass_on_foreign(const struct rk_process *p, struct rk_thread_state *state)
{
	WRITE(state->reason, RK_REASON_FOREIGN);
	if (!rk_kind_of(p)->separate && (uint8_t)rk_process_reason(p) != RK_REASON_FOREIGN)
		rk_process_give_up(RK_REASON_FOREIGN);
}

/*
 * A seccomp filter can answer each system call of attach() with the signal SIGSYS (SECCOMP_RET_TRAP). If the handler of
 * SIGSYS calls an operation, the operation calls this function, which must not make the system call again. If SIGSYS is blocked
 * in the handler, another call would end the process. If SIGSYS isn't blocked, handlers would nest without end, so attempts are
 * counted, and limited. A handler of another signal still registers the thread.
 */
static int attach_once(const struct rk_process *p, struct rk_thread_state *state, volatile struct rk_area *area)
{
	uint8_t lazy = READ(state->lazy), tries = lazy & RK_THREAD_TRIES;
	int r = -rk_reason_errno(RK_REASON_VFORK); /* not stored in the state */

	if (tries == RK_THREAD_TRIES || (tries != 0 && rk_kernel_is_blocked(SIGSYS)))
		return r;
	WRITE(state->lazy, (uint8_t)(lazy + RK_THREAD_TRY));
	/*
	 * In an early adopter's area (early.h), cpu_id is the same inside a bracket (rk_vfork_begin()) as after a failed
	 * attempt of the adopter to register. After such a failure the kernel doesn't answer "no registration", and attach()
	 * finds the reason.
	 */
	if (!rk_is_maybe_bracketed(p, area) || rk_kernel_has_registration() != 0)
		r = attach(p, area);
	WRITE(state->lazy, lazy);
	return r;
}

/*
 * Registers the thread if necessary. Checks in this order: whether the thread is registered, whether a reason against it is
 * known, and only then what the kernel answers.
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
 * Prepares the thread, and records the outcome for rk_process_query(). Two failures aren't recorded, because they say nothing
 * about the process: the thread is inside a bracket, or the kind of area has the property `separate` (kinds.c).
 */
static int prepare_and_note(void)
{
	const struct rk_process *p = rk_process_get();
	struct rk_thread_state *state = rk_state_in_use(p);
	int r = prepare_in_order(p, state);

	if (r == 0) {
		rk_process_note(RK_REASON_NONE);
	} else if (r != -rk_reason_errno(RK_REASON_VFORK) && !rk_kind_of(p)->separate) {
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
 * This constructor is in this file, because a linker links a file of an archive only if the program needs a symbol of the file.
 * Code that registers a thread needs this file, and so the program gets the constructor, too.
 *
 * The constructor registers the initial thread at process start, before any code can have kept a copy of rk_area_offset or
 * rk_area_valid, which the first rk_process_get() sets. A component with a private area that comes later learns at its first
 * attempt that it can't have rseq.
 */
#ifdef __GLIBC__
__attribute__((__constructor__(RK_FIRST_OF_ALL))) static void register_initial_thread(int argc, char **argv, char **environment)
{
	rk_choice_see(argc, argv, environment);
#else
__attribute__((__constructor__(RK_FIRST_OF_ALL))) static void register_initial_thread(void)
{
#endif
	rk_modules_look_up();
	rk_pin_this_module();
	rk_early_look_up();
	rk_exit_process_started();
	(void)rk_thread_prepare();
}
