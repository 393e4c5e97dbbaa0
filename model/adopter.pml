/* SPDX-License-Identifier: MIT */
/*
 * adopter.pml - models an early adopter: a component that defines __rseq_abi and __rseq_refcount (src/thread/early.h), and
 * shares this area with two copies of the library. The component counts its users, and registers and unregisters by the
 * count. Each copy raises the count once, for the thread's life.
 *
 * The model checks these claims:
 *
 *   - The component never unregisters the thread between rk_thread_register() and rk_thread_unregister().
 *   - After adopter_enters() the area stays registered until adopter_leaves().
 *   - No registration is refused.
 *   - At the end only the library's copies are in the count.
 *
 * The component doesn't know brackets around vfork, and must not enter or leave inside one. So this model has no brackets.
 */
#define BLOCKS 2
#define COUNTED
#define NO_BRACKETS
#include "kernel.pml"
#include "library.pml"

byte theirs; /* how many users the component has; this variable is only for the claims (library.pml) */

/*
 * These are the steps of change() in tests/beside/neighbours/early.c: it blocks signals, changes the count, and registers or
 * unregisters if the count demands that.
 */
inline adopter_enters()
{
	blocked_before = blocked;
	blocked = true;
	adopters++;
	if
	:: adopters == 1 -> rseq_register(A); assert(r == OK)
	:: else
	fi;
	theirs++;
	blocked = blocked_before
}

inline adopter_leaves()
{
	atomic { theirs > 0 -> theirs-- }
	blocked_before = blocked;
	blocked = true;
	adopters--;
	if
	:: adopters == 0 ->
		rseq_unregister(A);
		assert(r == OK);
		/* The component doesn't unregister while a rk_thread_register() hasn't been undone. */
		assert(held[0] == 0 && held[1] == 0)
	:: else
	fi;
	blocked = blocked_before
}

inline act()
{
	ANY_COPY;
	if
	:: operation()
	:: held[b] < 1 -> thread_register()
	:: use()
	:: leave()
	:: theirs < 2 -> adopter_enters()
	:: adopter_leaves()
	:: atomic { theirs > 0 -> assert(claims[A] && kernel[0] == A) }
	fi
}

active proctype thread() provided (level == 0)
{
	LOCALS;

	do
	:: actions < 2 -> actions++; act()
	:: break
	od;
	do
	:: atomic { held[0] > 0 -> b = 0; held[b]-- } thread_unregister()
	:: atomic { held[1] > 0 -> b = 1; held[b]-- } thread_unregister()
	:: adopter_leaves()
	:: atomic { held[0] == 0 && held[1] == 0 && theirs == 0 ->
		assert(block[0].users == 0 && block[1].users == 0);
		/* The copies' counts stay for the thread's life, one for each copy. Without them the area isn't registered. */
		assert(adopters == block[0].counted + block[1].counted);
		assert(claims[A] == (adopters > 0) && claims[A] == (kernel[0] == A)); break }
	od
}

active proctype handler() provided (level <= 1)
{
	LOCALS;

	do
	:: HANDLER_ENTERS(0, actions < 2); actions++; act(); HANDLER_RETURNS(0)
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
