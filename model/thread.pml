/* SPDX-License-Identifier: MIT */
/*
 * thread.pml - a thread, copies of the library that share a thread block (or, with BLOCKS=2, have one each), and handlers that
 * nest two deep. They run operations, are explicit users, and open brackets around vfork children that use operations.
 *
 * With STRANGER another component registers the thread at any moment, also a vfork child inside a bracket. Then operations in
 * the child aren't protected. But when the outermost bracket has ended, the registration is right again.
 *
 * Claims:
 *
 *   - An area that claims a CPU is registered, in the thread and in a vfork child. Inside a bracket it isn't registered.
 *   - Outside brackets and children no registration is refused.
 *   - An explicit user finds the area registered until it leaves.
 *   - A bracket leaves the thread as it was. At the end the counts are zero.
 */
#ifndef BLOCKS
#define BLOCKS 1
#endif
/* The number of actions of the thread, and of the handler over it. */
#ifndef ACTIONS
#define ACTIONS 2
#endif
#include "kernel.pml"
#include "library.pml"

inline act()
{
	ANY_COPY;
	if
	:: operation()
	:: held[b] < 2 -> thread_register()
	:: use()
	:: leave()
#ifdef STRANGER
	:: !child -> rseq_register(A)
#endif
#ifndef NO_BRACKETS
	:: bracket()
	:: vfork_child()
#endif
	fi
}

active proctype thread() provided (level == 0)
{
	LOCALS;

	do
	:: actions < ACTIONS -> actions++; act()
	:: break
	od;
	/* The thread gives up all uses. Handlers may still come between. */
	do
	:: atomic { held[0] > 0 -> b = 0; held[b]-- } thread_unregister()
#if BLOCKS == 2
	:: atomic { held[1] > 0 -> b = 1; held[b]-- } thread_unregister()
#endif
	:: atomic { held[0] == 0 && held[BLOCKS - 1] == 0 ->
		assert(block[0].users == 0 && block[0].vfork == 0 && !block[0].restore && !block[0].restore_mark);
		assert(block[BLOCKS - 1].users == 0 && block[BLOCKS - 1].vfork == 0 && !block[BLOCKS - 1].restore &&
		       !block[BLOCKS - 1].restore_mark);
		assert(!closed && claims[A] == (kernel[0] == A)); break }
	od
}

active proctype handler() provided (level <= 1)
{
	LOCALS;

	do
	:: HANDLER_ENTERS(0, actions < ACTIONS); actions++; act(); HANDLER_RETURNS(0)
	:: break
	od
}

active proctype handler_over_handler() provided (level <= 2)
{
	LOCALS;

	do
	:: HANDLER_ENTERS(1, actions < 1); actions++; act(); HANDLER_RETURNS(1)
	:: break
	od
}
