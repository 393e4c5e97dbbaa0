/* SPDX-License-Identifier: MIT */
/*
 * exit.pml - the end of a thread whose libc frees its memory while it still runs (musl): a destructor of each copy
 * undoes the registration, after which the thread takes the fallback. With MEMORY_STAYS, a libc whose memory outlives
 * the thread's last instruction (glibc): nothing is undone.
 *
 * Claims: the kernel never writes to an area whose memory is gone; before the end, what thread.pml claims.
 *
 * The seeds are orders of the destructors that are wrong.
 */
#define BLOCKS 1
#define EXITING
#ifndef ACTIONS
#define ACTIONS 2
#endif
#include "kernel.pml"
#include "library.pml"

bool memory_gone, thread_gone;

/* A copy's destructor: the sticky flag first, so that no handler registers behind the unregistration. */
inline destructor()
{
#ifndef SEED_FLAG_LATE
	block[0].exiting = true;
#endif
	if
	:: claims[A] -> rseq_unregister(A)
	:: else
	fi;
#ifdef SEED_FLAG_LATE
	block[0].exiting = true;
#endif
	assert(!claims[A])
}

inline act()
{
	b = 0;
	if
	:: operation()
	:: held[b] < 1 -> thread_register()
	:: use()
	:: leave()
	:: bracket()
	:: vfork_child()
	fi
}

active proctype thread() provided (level == 0)
{
	LOCALS;

	do
	:: actions < ACTIONS -> actions++; act()
	:: break
	od;
#if !defined(MEMORY_STAYS) && !defined(SEED_NO_DESTRUCTOR)
	destructor();
	/* Other destructors operate; the second copy's own finds nothing left to do. */
	operation();
	destructor();
#endif
	/* The libc blocks signals before it takes the memory away, and then runs on. */
	blocked = true;
	do
	:: atomic { held[0] > 0 -> held[0]-- } b = 0; thread_unregister()
	:: held[0] == 0 -> break
	od;
	assert(block[0].users == 0 && block[0].vfork == 0 && !block[0].restore);
	assert(claims[A] == (kernel[0] == A));
#ifndef MEMORY_STAYS
	memory_gone = true;
#endif
	thread_gone = true
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

/* A preemption: the kernel writes to the area that is registered, at any time while the thread is there. */
active proctype preemption()
{
	do
	:: atomic { kernel[0] == A && !thread_gone -> assert(!memory_gone) }
	:: thread_gone -> break
	od
}
