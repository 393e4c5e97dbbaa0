/* SPDX-License-Identifier: MIT */
/*
 * exit.pml - models the end of a thread (src/thread/exit.c) with a libc that frees the thread's memory while the thread still
 * runs (musl). A destructor of each copy of the library undoes the registration. After that, operations of the thread take
 * their fallback. With MEMORY_STAYS the memory outlives the thread's last instruction (glibc), and nothing is undone.
 *
 * The model checks that the kernel never writes to an area whose memory was freed. Before the thread's end the claims of
 * thread.pml hold.
 *
 * The seeded bugs (SEED_...) are a wrong order of the destructor's steps, and a missing destructor.
 */
#define BLOCKS 1
#define EXITING
#ifndef ACTIONS
#define ACTIONS 2
#endif
#include "kernel.pml"
#include "library.pml"

bool memory_gone, thread_gone;

/* The destructor of a copy of the library. It first sets a flag that stays set, so that no handler registers the thread again. */
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
	/* Other destructors use operations. The second copy's destructor finds nothing left to do. */
	operation();
	destructor();
#endif
	/* The libc blocks signals before it frees the memory. The thread still runs after that. */
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

/* A preemption: the kernel writes to the registered area. This may happen at any time until the thread is gone. */
active proctype preemption()
{
	do
	:: atomic { kernel[0] == A && !thread_gone -> assert(!memory_gone) }
	:: thread_gone -> break
	od
}
