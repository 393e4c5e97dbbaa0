/* SPDX-License-Identifier: MIT */
/*
 * vfork.c - rk_vfork_begin() and rk_vfork_end(). The time between them is called a bracket. A vfork whose child uses operations
 * needs a bracket: the thread is unregistered before the vfork, and registered again after it.
 *
 * The child runs on the parent's TLS but has no registration of its own. rk_vfork_begin() therefore undoes the parent's
 * registration and closes the area (struct rseq): it stores a negative mark into cpu_id. Each component that might register the
 * thread reads cpu_id first. Copies of this library that share the thread state also find the number of open brackets in this
 * state. While the thread is registered, only the kernel is allowed to store to cpu_id. The mark is therefore stored by an
 * exchange that expects a negative value. If a handler registers the thread just before, the exchange fails.
 *
 * A signal handler can run a bracket and a vfork of its own between any two instructions of this file. The invariant: from
 * the outermost rk_vfork_begin() to its rk_vfork_end(), the thread is unregistered and its area is closed. Only a stranger, a
 * component that registers threads itself, can break this. `restore` in the thread state says what the outermost
 * rk_vfork_end() has to restore.
 *
 * The mark is -3, which differs from the kernel's values for "not registered yet" (-1) and "failed" (-2). In an early
 * adopter's area (early.h) the mark is -2. An adopter such as tcmalloc that finds -2 in cpu_id takes its slow path and
 * registers nothing.
 *
 * A stranger that doesn't know the mark can still break the bracket, by registering the thread or a child. When such a
 * bracket ends, the mark is gone. If the child was registered, the registration ends with the child, but a CPU number stays in
 * the area, and the parent isn't registered. rk_vfork_end() therefore makes the kernel register the thread again in any case,
 * and returns -ECANCELED.
 *
 * The model in model/thread.pml has the mark and a stranger. The model showed that rk_vfork_end() has to read `restore` a
 * second time, because a bracket in a signal handler may have added bits.
 */
#define _GNU_SOURCE
#include <rseqkit/thread.h>

#include <pthread.h>
#include <signal.h>
#include "area.h"
#include "os/kernel.h"
#include "process.h"
#include "bracket.h"
#include "thread.h"
#include "os/word.h"

/* Bits of `restore` in the thread state (area.h). */
#define RESTORE_REGISTRATION 1 /* the thread was registered, with the process's length or the original length */
#define RESTORE_MARK 2         /* the bracket stored the mark, and its end removes it */
#define RESTORE_FULL_LENGTH 4  /* the thread was registered, with the kernel's feature size */
#define RESTORE_SLICE 8        /* the time slice extension was on; unregistering switches it off */

/* How often rk_vfork_begin() tries to close the area while signal handlers register the thread again and again. */
#define ATTEMPTS_MAX 64

static bool exchange_mark(volatile struct rk_area *area, int32_t from, int32_t to)
{
	return rk_word_replace((volatile uint32_t *)(uintptr_t)&area->cpu_id, (uint32_t)from, (uint32_t)to);
}

/* Undoes the calling thread's registration, whatever its length. Returns the bits for `restore`, or 0 on failure. */
static uint8_t unregister(const struct rk_process *p, volatile struct rk_area *area)
{
	uint32_t length = p->length != 0 ? p->length : RK_AREA_LENGTH_ORIGINAL;
	uint8_t slice = area->flags & RK_AREA_SLICE_ENABLED ? RESTORE_SLICE : 0;

	if (rk_kernel_unregister(area, length) == 0)
		return RESTORE_REGISTRATION | slice;
	if (p->length == 0 && rk_kernel_unregister(area, p->feature_size) == 0)
		return RESTORE_FULL_LENGTH | slice;
	return 0;
}

/*
 * Closes an area that names a CPU although the thread isn't registered. The number is from a vfork child that a stranger had
 * registered. This function blocks signals between the check and the store. Otherwise a stranger's handler could register the
 * thread on the same CPU in between, and the exchange would succeed.
 */
static bool close_leftover(volatile struct rk_area *area, int32_t cpu, int32_t mark)
{
	unsigned char before[RK_SIGSET_SIZE];
	bool done;

	/* In a vfork child the area is the parent's. If the parent is registered, a store to this area can kill the parent. */
	if (rk_kernel_is_vfork_child() != 0 || rk_kernel_has_registration() != 0 || rk_kernel_block_signals(before) < 0)
		return false;
	done = rk_kernel_has_registration() == 0 && exchange_mark(area, cpu, mark);
	(void)rk_kernel_set_signals(before, NULL);
	return done;
}

/* Adds bits to `restore` by one atomic instruction, because a bracket in a signal handler can add bits as well. */
static void owe(struct rk_thread_state *state, uint8_t restore)
{
	(void)__atomic_fetch_or(&state->restore, restore, __ATOMIC_RELAXED);
}

/* Undoes the thread's registration and closes its area by the mark. Returns 0, -ENOTSUP or -EBUSY. */
static int close_area(const struct rk_process *p, struct rk_thread_state *state, volatile struct rk_area *area)
{
	int32_t mark = rk_kind_of(p)->mark;

	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		int32_t cpu = (int32_t)area->cpu_id;
		uint8_t restore = 0;
		bool closed;

		if (cpu == mark)
			return 0; /* a signal handler closed the area, or another copy of this library did */
		if (cpu >= 0)
			restore = unregister(p, area);
		owe(state, restore);
		if (restore != 0)
			continue;
		closed = cpu >= 0 ? close_leftover(area, cpu, mark) : exchange_mark(area, cpu, mark);
		if (closed) {
			owe(state, RESTORE_MARK);
			return 0;
		}
		/*
		 * If the conditions below hold, cpu_id isn't a leftover and no handler changed it meanwhile. Then the thread is
		 * registered, and this library can't undo the registration.
		 */
		if (cpu >= 0 && (int32_t)area->cpu_id >= 0 &&
		    (rk_kernel_has_registration() != 0 || rk_kernel_is_vfork_child() != 0))
			return -ENOTSUP;
	}
	return -EBUSY;
}

/* Registers the thread as it was before the bracket. */
static int register_again(const struct rk_process *p, volatile struct rk_area *area, uint8_t owed)
{
	uint32_t length = owed & RESTORE_FULL_LENGTH ? p->feature_size :
			  p->length != 0	     ? p->length :
						       RK_AREA_LENGTH_ORIGINAL;
	int r = rk_register_at(p, area, length);
	int32_t cpu = (int32_t)area->cpu_id;

	/*
	 * EBUSY means that the thread is registered already. With KTLS (ktls/ktls.h), the kernel also answers EBUSY in a vfork
	 * child, which isn't registered: only its parent gets the registration back. After such a vague answer, this function
	 * therefore asks whether the area is registered.
	 */
	if (r == 0 || (r == -EBUSY && (!rk_kind_of(p)->vague_busy || rk_kernel_registered_at(area, length)))) {
		if (owed & RESTORE_SLICE)
			(void)rk_kernel_slice_on();
		return 0;
	}
	/*
	 * The bracket ends, and the thread isn't registered in this area, so the mark must not stay in cpu_id, and a CPU number
	 * must not either.
	 */
	if (cpu == rk_kind_of(p)->mark || cpu >= 0)
		(void)exchange_mark(area, cpu, RK_CPU_ID_UNINITIALIZED);
	return r;
}

/*
 * Opens the area again at the end of the outermost bracket. If the mark is gone, another component registered the thread
 * during the bracket. If the component registered the vfork child, that registration has ended with the child, and the CPU
 * number in the area is a leftover. If the mark is gone, this function registers the thread in any case.
 */
static int open_area(const struct rk_process *p, volatile struct rk_area *area, uint8_t owed)
{
	int32_t mark = rk_kind_of(p)->mark;
	bool broken = (int32_t)area->cpu_id != mark;
	int r = 0;

	if (!broken && (owed & (RESTORE_REGISTRATION | RESTORE_FULL_LENGTH)) == 0) {
		broken = (owed & RESTORE_MARK) && !exchange_mark(area, mark, RK_CPU_ID_UNINITIALIZED);
		if (!broken)
			return 0;
	}
	r = register_again(p, area, owed);
	return broken ? -ECANCELED : r;
}

/*
 * Returns whether the caller has just opened its outermost bracket, and is certainly no vfork child. The bracket undid a
 * registration, which a vfork child doesn't have. If the kernel registers threads, this shows nothing, because it registers
 * vfork children, too.
 */
static bool is_in_person(const struct rk_process *p, const struct rk_thread_state *state)
{
	return READ(state->vfork) == 1 && !rk_kernel_registers(rk_kind_of(p)) &&
	       (READ(state->restore) & (RESTORE_REGISTRATION | RESTORE_FULL_LENGTH));
}

int rk_vfork_begin(void)
{
	const struct rk_process *p = rk_process_get();
	struct rk_thread_state *state = rk_state_in_use(p);
	volatile struct rk_area *area = rk_area_of(p);
	uint8_t owed;
	int r;

	if (READ(state->vfork) == UINT8_MAX)
		return -EOVERFLOW;
	/* Counts the bracket first. From here on, an operation in a signal handler doesn't register the thread. */
	WRITE(state->vfork, (uint8_t)(READ(state->vfork) + 1));
	r = close_area(p, state, area);
	if (r == 0) {
		rk_bracket_begun(READ(state->vfork), is_in_person(p, state));
		return 0;
	}
	owed = READ(state->vfork) == 1 ? READ(state->restore) : 0;
	if (owed != 0)
		WRITE(state->restore, 0);
	WRITE(state->vfork, (uint8_t)(READ(state->vfork) - 1));
	if (owed != 0)
		(void)open_area(p, area, owed);
	return r;
}

int rk_vfork_end(void)
{
	const struct rk_process *p = rk_process_get();
	struct rk_thread_state *state = rk_state_in_use(p);
	volatile struct rk_area *area = rk_area_of(p);
	bool broken = (int32_t)area->cpu_id != rk_kind_of(p)->mark;
	uint8_t owed = READ(state->restore), depth;

	if (READ(state->vfork) == 0)
		return -EINVAL;
	/*
	 * If a vfork child was killed inside a bracket that it or its signal handler opened, the count of open brackets is
	 * too high. rk_bracket_ends() returns the right count.
	 */
	depth = rk_bracket_ends(READ(state->vfork));
	if (depth != 0)
		WRITE(state->vfork, depth);
	if (READ(state->vfork) > 1) {
		if (broken)
			(void)close_area(p, state, area);
		WRITE(state->vfork, (uint8_t)(READ(state->vfork) - 1));
		return broken ? -ECANCELED : 0;
	}
	/*
	 * From here on, only this call restores what `restore` said: brackets in signal handlers, and in their vfork
	 * children, find no bits. The count of open brackets is set to 0 before the system call, because a handler's bracket
	 * after the call must be the outermost one.
	 */
	WRITE(state->restore, 0);
	WRITE(state->vfork, 0);
	/*
	 * A stranger may have registered the thread in a handler's nested bracket. The end of that bracket closed the area
	 * again, and added bits to `restore`.
	 */
	owed |= READ(state->restore);
	WRITE(state->restore, 0);
	rk_bracket_none();
	return open_area(p, area, owed);
}

void rk_vfork_unblock(const void *signals)
{
	(void)rk_kernel_set_signals(signals, NULL);
}

int rk_vfork_run(rk_vfork_child *child, void *arg, int *pid)
{
	struct rk_thread_state *state = rk_state_in_use(rk_process_get());
	unsigned char before[RK_SIGSET_SIZE];
	int saved = errno, failed, r, ended, cancelling;
	uint8_t depth;
	pid_t made;

	if (pid == NULL)
		return -EINVAL;
	*pid = -1;
	if (child == NULL)
		return -EINVAL;
	/* Blocks signals first, so that no component's signal handler runs between rk_vfork_begin() and the child. */
	r = rk_kernel_block_signals(before);
	if (r < 0)
		return r;
	/*
	 * Turns cancellation off. Otherwise the child would act on a request to cancel this thread: it would unwind the
	 * stack and run destructors.
	 */
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
	r = rk_vfork_begin();
	if (r == 0) {
		depth = READ(state->vfork);
		made = vfork();
		if (made == 0)
			_exit(child(arg, before));
		failed = errno;
		/*
		 * A killed child may have left the count of open brackets too high. rk_vfork_end() repairs this only if the
		 * bracket has a row in the table of bracket.c.
		 */
		WRITE(state->vfork, depth);
		ended = rk_vfork_end();
		*pid = made;
		r = made < 0 ? -failed : ended;
	}
	rk_vfork_unblock(before);
	errno = saved;
	(void)pthread_setcancelstate(cancelling, NULL);
	return r;
}
