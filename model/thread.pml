/* SPDX-License-Identifier: MIT */
/*
 * thread.pml - models the registration of a thread (src/thread/thread.c, vfork.c). Copies of the library share a thread block
 * (the library's state for a thread) or, with BLOCKS=2, have one each. Signal handlers nest two deep. Thread and handlers run
 * operations, call rk_thread_register(), and open brackets (rk_vfork_begin()) around vfork children that use operations.
 *
 * With STRANGER another component registers the thread at any moment, even a vfork child inside a bracket. In that case
 * operations in the child aren't protected. But when the outermost bracket has ended, the registration is right again.
 *
 * The model checks these claims:
 *
 *   - If cpu_id of an area names a CPU, the area is registered, in the thread and in a vfork child. Inside a bracket it isn't
 *     registered.
 *   - Outside brackets and vfork children no registration is refused.
 *   - After rk_thread_register() the area stays registered until rk_thread_unregister().
 *   - After a bracket the thread is registered or not, as before. At the end the counts are zero.
 */
#ifndef BLOCKS
#define BLOCKS 1
#endif
/* The number of actions of the thread, and of the handler that interrupts it. */
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
	/* The thread calls rk_thread_unregister() for all users. Handlers may still run in between. */
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
