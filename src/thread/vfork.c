/* SPDX-License-Identifier: MIT */
/*
 * vfork.c - the bracket around a vfork whose child computes: unregister, vfork, register.
 *
 * The child runs on the parent's TLS but has no registration of its own. So the bracket undoes the parent's, and
 * closes the area: it stores a negative mark into cpu_id, which everybody reads who might register the thread. The
 * state's depth says the same to those who share the state. Nobody may store there while the thread is registered, so
 * the mark is exchanged for a negative value only: a handler that registers the thread in between makes that fail.
 *
 * A signal handler may bracket a vfork of its own between any two instructions here. The invariant: behind a begin,
 * while the depth is above 0, the thread is unregistered and its area closed, unless a stranger broke the bracket;
 * `restore` says what the outermost end has to undo.
 *
 * The mark is -3: neither "not registered yet" nor "failed". In an early adopter's area it is -2, "failed": tcmalloc reads
 * cpu_id too, takes its slow way for -2 and registers nothing. A stranger that knows no mark can still break the bracket.
 * Then the mark is gone at the end. The kernel is asked to register the thread in any case: a child's registration dies with
 * the child, and leaves a CPU number in the area of a parent that isn't registered. The end answers -ECANCELED.
 * model/thread.pml has the mark, and a stranger; it found that an end has to look once more for what a handler repaired.
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

/* Bits of the state's `restore`. */
#define RESTORE_REGISTRATION 1 /* the thread was registered, with the process's length or the original one */
#define RESTORE_MARK 2         /* the mark is ours to take away */
#define RESTORE_FULL_LENGTH 4  /* the thread was registered, with the kernel's feature size */
#define RESTORE_SLICE 8        /* the slice extension was on, and goes with the registration */

/* Others that register the thread again and again, in signal handlers, get this many chances. */
#define ATTEMPTS_MAX 64

static bool exchange_mark(volatile struct rk_area *area, int32_t from, int32_t to)
{
	return rk_word_replace((volatile uint32_t *)(uintptr_t)&area->cpu_id, (uint32_t)from, (uint32_t)to);
}

/* Undoes the calling thread's registration, whatever its length. Returns the bits to restore it by, 0 if that failed. */
static uint8_t unregister(const struct rk_process *p, volatile struct rk_area *area)
{
	uint32_t length = p->length != 0 ? p->length : RK_AREA_LENGTH_ORIGINAL;
	uint8_t slice = area->flags & RK_AREA_SLICE_ENABLED ? RESTORE_SLICE : 0;

	if (rk_sys_rseq(area, length, RK_RSEQ_UNREGISTER, RK_SIGNATURE) == 0)
		return RESTORE_REGISTRATION | slice;
	if (p->length == 0 && rk_sys_rseq(area, p->feature_size, RK_RSEQ_UNREGISTER, RK_SIGNATURE) == 0)
		return RESTORE_FULL_LENGTH | slice;
	return 0;
}

/*
 * A CPU number in the area of a thread that isn't registered: what a child of a broken bracket left there. With signals
 * blocked, because a stranger's handler could register the thread between the look and the store, on the same CPU.
 */
static bool close_leftover(volatile struct rk_area *area, int32_t cpu, int32_t mark)
{
	unsigned char before[RK_SIGSET_SIZE];
	bool done;

	/* In a vfork child it is the parent's, who may well be registered: there a store to it kills the parent. */
	if (rk_kernel_is_vfork_child() != 0 || rk_kernel_has_registration() != 0 || rk_kernel_block_signals(before) < 0)
		return false;
	done = rk_kernel_has_registration() == 0 && exchange_mark(area, cpu, mark);
	(void)rk_kernel_set_signals(before, NULL);
	return done;
}

/* In one step: a handler's bracket owes as well. */
static void owe(struct rk_thread_state *state, uint8_t restore)
{
	(void)__atomic_fetch_or(&state->restore, restore, __ATOMIC_RELAXED);
}

/* Leaves the thread unregistered and its area closed. Returns 0 or a negative errno. */
static int close_area(const struct rk_process *p, struct rk_thread_state *state, volatile struct rk_area *area)
{
	int32_t mark = rk_kind_of(p)->mark;

	for (int i = 0; i < ATTEMPTS_MAX; i++) {
		int32_t cpu = (int32_t)area->cpu_id;
		uint8_t restore = 0;
		bool closed;

		if (cpu == mark)
			return 0; /* by a handler, or in a bracket that another copy opened */
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
		/* Nobody changed it meanwhile: it is registered, and can't be undone. */
		if (cpu >= 0 && (int32_t)area->cpu_id >= 0 &&
		    (rk_kernel_has_registration() != 0 || rk_kernel_is_vfork_child() != 0))
			return -ENOTSUP;
	}
	return -EBUSY;
}

/* Registers the thread as it was. */
static int register_again(const struct rk_process *p, volatile struct rk_area *area, uint8_t owed)
{
	uint32_t length = owed & RESTORE_FULL_LENGTH ? p->feature_size :
			  p->length != 0	     ? p->length :
						       RK_AREA_LENGTH_ORIGINAL;
	int r = rk_register_at(p, area, length);
	int32_t cpu = (int32_t)area->cpu_id;

	/* By its own command the kernel says EBUSY in a vfork child, too, whose parent gets its registration back. */
	if (r == 0 || (r == -EBUSY && (p->where != RK_WHERE_KTLS || rk_kernel_registered_at(area, length)))) {
		if (owed & RESTORE_SLICE)
			(void)rk_kernel_slice_on();
		return 0;
	}
	/* Not registered here: neither the mark nor a CPU number is true any more. */
	if (cpu == rk_kind_of(p)->mark || cpu >= 0)
		(void)exchange_mark(area, cpu, RK_CPU_ID_UNINITIALIZED);
	return r;
}

/*
 * The end of the outermost bracket. If somebody registered the thread meanwhile it may have been the child, whose
 * registration is gone, and what names a CPU here is the child's leftover: the thread is registered in any case.
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
 * Is the caller, who has just opened a bracket, no vfork child for sure? A child has no registration that can be undone, but
 * for what the kernel gives to every thread by itself.
 */
static bool is_in_person(const struct rk_process *p, const struct rk_thread_state *state)
{
	return READ(state->vfork) == 1 && p->where != RK_WHERE_KTLS &&
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
	/* The depth first: from here on a signal handler's operation registers nothing. */
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
	/* A child that was killed inside a bracket of its own, or of a handler's, left it open. */
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
	 * What is owed is this call's from here on: the bracket of a handler, or of a handler in a vfork child that a
	 * handler made, owes nothing. Then the depth, before the system call: a handler's bracket behind that must
	 * find itself the outermost one.
	 */
	WRITE(state->restore, 0);
	WRITE(state->vfork, 0);
	/* A handler in between, in whose nested bracket somebody registered the thread, had to close the area again. */
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
	/* First, so that no handler's operation, of whatever component, gets between the two and the child. */
	r = rk_kernel_block_signals(before);
	if (r < 0)
		return r;
	/* A request to end this thread, which the child would heed, and unwind the stack and run the destructors. */
	(void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
	r = rk_vfork_begin();
	if (r == 0) {
		depth = READ(state->vfork);
		made = vfork();
		if (made == 0)
			_exit(child(arg, before));
		failed = errno;
		/* As rk_vfork_end() does it, where there are more brackets than it can know of. */
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
