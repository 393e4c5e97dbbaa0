/* SPDX-License-Identifier: MIT */
/*
 * meeting.pml - two copies of the library decide whose block is the area: src/thread/process.c and src/thread/rendezvous.c, step by
 * step, where the libc has no area. Copy 0's block is A, copy 1's is B. A thread and its handler use one copy each,
 * whichever; another thread uses both, in either order. A stranger may take the address at any time. With FAILURES,
 * memfd_create may fail any one time (descriptors run short, and come back).
 *
 * Claims: one area for all, whoever is first, and nobody is refused by the kernel because of the other copy; with a
 * stranger on the page, or failures, a copy may do without, but copies that agreed agree; a copy's decision never
 * changes. Memory is taken as sequentially consistent: the code stores `where` last, with release.
 */
#define SELF self
#define CLAIMS(area) claims[3 * self + area]
#include "kernel.pml"

/* enum rk_where */
#define UNDECIDED 0
#define OWN 1
#define NOWHERE 2

#define STRANGER 3

/* The process-wide words of each copy. */
byte where[2], offset[2];
bool reason[2];
byte word[2];   /* src/thread/process.c, first_word(): 0 none yet, 1 agreed, 2 did without */

byte running = 3; /* ghost */
byte page;      /* whose offer, NONE if nothing is mapped: the memfd is complete before */
#ifdef SEED_FILLED_LATER
bool filled;
#endif

#define LOCALS byte r, c, p_where, p_offset; bit self; bool agreed

/* src/thread/rendezvous.c, read_page() */
#ifdef SEED_FILLED_LATER
#define PAGE_IS_GOOD (page != STRANGER && filled)
#else
#define PAGE_IS_GOOD (page != STRANGER)
#endif
inline read_page()
{
	if
	:: PAGE_IS_GOOD -> p_offset = page; agreed = true      /* *meeting = found */
	:: else -> agreed = false                              /* -EADDRINUSE */
	fi
}

/* src/thread/rendezvous.c, publish_offer(): memfd_create and write show nothing; the mmap that succeeds decides. */
inline publish()
{
	if
#ifdef FAILURES
	:: agreed = false                                      /* if (fd < 0) return fd */
#endif
	:: atomic {
#ifdef SEED_MAP_REPLACES
		true -> page = c + 1; p_offset = c + 1; agreed = true
#else
		page == NONE -> page = c + 1; p_offset = c + 1; agreed = true  /* MAP_FIXED_NOREPLACE */
#endif
	   }
#ifdef SEED_FILLED_LATER
	   filled = true
#endif
	:: atomic { page != NONE -> skip }                     /* -EEXIST: rk_rendezvous_look() */
	   read_page()
	fi
}

/* src/thread/rendezvous.c, rk_rendezvous() */
inline rendezvous()
{
#ifdef SEED_NO_MEETING
	p_offset = c + 1; agreed = true
#else
	if
	:: page != NONE -> read_page()                         /* if (rk_kernel_can_read(page)) */
	:: page == NONE -> skip; publish()
	fi
#endif
}

/* src/thread/process.c, first_word(): one compare and swap, and then whoever lost does as the winner. */
inline first_word()
{
	atomic {
		if
		:: word[c] == 0 -> word[c] = (agreed -> 1 : 2)
		:: else
		fi
	}
	if
	:: word[c] == 1 && !agreed -> read_page()              /* rk_rendezvous_look() */
	:: word[c] == 1 && agreed
	:: word[c] == 2 -> agreed = false
	fi
}

/* src/thread/process.c, decide_together() */
inline decide()
{
	rendezvous();
#ifndef SEED_LAST_WORD
	first_word();
#endif
	if
	:: agreed -> p_where = OWN
	:: else -> p_where = NOWHERE; p_offset = c + 1         /* p.offset = rk_block_offset() */
	fi
}

/* src/thread/process.c, rk_process_get() */
inline process_get()
{
	if
	:: where[c] != UNDECIDED
	:: where[c] == UNDECIDED -> decide();
#ifdef SEED_WHERE_FIRST
		where[c] = p_where;
#endif
		/* SET_ONCE(...): what others may have read already doesn't change, so a second one sets the same. */
		atomic { assert(where[c] == UNDECIDED || offset[c] == p_offset); offset[c] = p_offset }
		if
		:: p_where == NOWHERE -> reason[c] = true
		:: else
		fi;
		atomic { assert(where[c] == UNDECIDED || where[c] == p_where); where[c] = p_where }
	fi
}

/* src/thread/thread.c, prepare_and_note() and attach() */
inline prepare()
{
	process_get();
	if
	:: reason[c]
	:: !reason[c] ->
		assert(offset[c] != NONE);
		rseq_register(offset[c]);
		assert(r == OK || r == EBUSY)
	fi
}

active proctype thread() provided (level == 0)
{
	LOCALS;

	if :: c = 0 :: c = 1 fi;
	prepare();
	running--
}

active proctype handler() provided (level <= 1)
{
	LOCALS;

	HANDLER_ENTERS(0, true);
	if :: c = 0 :: c = 1 fi;
	prepare();
	atomic { HANDLER_RETURNS(0); running-- }
}

active proctype other_thread()
{
	LOCALS;

	self = 1;
	if :: c = 0 :: c = 1 fi;
	prepare();
	c = 1 - c;
	prepare();
	running--
}

/* With the others' ends before its own, its last word is about the end. */
active proctype stranger()
{
	if
	:: atomic { page == NONE -> page = STRANGER }
	:: true
	fi;
	running == 0;
	assert(where[0] != UNDECIDED && where[1] != UNDECIDED);
	assert(where[0] != OWN || where[1] != OWN || offset[0] == offset[1]);
	assert(page != STRANGER || (where[0] == NOWHERE && where[1] == NOWHERE));
#ifndef FAILURES
	assert(page == STRANGER || (where[0] == OWN && where[1] == OWN && offset[0] == page && offset[1] == page))
#endif
}
