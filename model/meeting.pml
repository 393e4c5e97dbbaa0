/* SPDX-License-Identifier: MIT */
/*
 * meeting.pml - models how two copies of the library agree on an area if the libc has none: the thread block of one of them,
 * which is the copy's state for a thread. The copies agree through the rendezvous page, memory at a fixed address. The steps are
 * those of src/thread/process.c and src/thread/rendezvous.c. Copy 0's block is A, copy 1's is B. A thread and its signal handler
 * use one copy each, the same or different ones. Another thread uses both copies, in either order. A stranger, which is another
 * component, may map memory at the page's address at any time. With FAILURES memfd_create may fail at any time, and succeed
 * later, as if no descriptor were free for a while.
 *
 * The model checks these claims:
 *
 *   - Both copies use one area, whichever is used first, and the kernel refuses no registration because of the other copy.
 *   - With a stranger on the page, or with failures, a copy may work without rseq. Copies that have an area have the same one.
 *   - A copy's decision never changes.
 *
 * The model's memory is sequentially consistent. The code stores the words by compare-and-swap, with acquire and release order.
 * Each SEED_... macro puts a deliberate bug into the model, which the checker must find.
 */
#define SELF self
#define CLAIMS(area) claims[3 * self + area]
#include "kernel.pml"

/* Values of area_word[]: A or B for the block of that copy, or one of these. */
#define UNDECIDED 0
#define NOWHERE 4

#define STRANGER 3

/* The words in which each copy keeps its decision. facts[] is true when all words are stored, and rk_area_offset is set. */
byte area_word[2], offset[2];
bool facts[2];

byte running = 3; /* how many of the other processes haven't ended; only for the checks at the end */
byte page;      /* the copy or stranger that mapped the page, or NONE; the memfd is complete before it is mapped */
#ifdef SEED_FILLED_LATER
bool filled;
#endif

#define LOCALS byte r, c, p_word, p_offset; bit self; bool agreed

/* src/thread/rendezvous.c, rk_rendezvous_read() */
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

/* src/thread/rendezvous.c, publish_offer(): other copies don't see memfd_create and write. The first successful mmap decides. */
inline publish()
{
	if
#ifdef FAILURES
	:: agreed = false                                      /* if (fd < 0) return (int)fd */
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

/* src/thread/process.c, settle(): one compare-and-swap. A thread that comes second uses the first one's word. */
inline settle()
{
	atomic {
		if
#ifdef SEED_LAST_WORD
		:: true -> area_word[c] = p_word
#else
		:: area_word[c] == UNDECIDED -> area_word[c] = p_word
		:: else -> p_word = area_word[c]
#endif
		fi
	}
}

/* src/thread/process.c, decide_on_area() */
inline decide()
{
	rendezvous();
	if
	:: agreed -> p_word = p_offset
	:: else -> p_word = NOWHERE
	fi
}

/* src/thread/process.c, rk_process_get() and rk_process_decide() */
inline process_get()
{
	if
	:: facts[c]
	:: !facts[c] ->
		if
		:: area_word[c] != UNDECIDED -> p_word = area_word[c]
		:: area_word[c] == UNDECIDED -> decide(); settle()
		fi;
#ifdef SEED_FACTS_FIRST
		facts[c] = true;
#endif
		p_offset = (p_word == NOWHERE -> c + 1 : p_word);      /* rk_block_offset() */
		/* SET_ONCE(...): other threads may have read the offset, so a second store must store the same. */
		atomic { assert(offset[c] == NONE || offset[c] == p_offset); offset[c] = p_offset };
		facts[c] = true
	fi
}

/* src/thread/thread.c, prepare_and_note() and attach() */
inline prepare()
{
	process_get();
	if
	:: area_word[c] == NOWHERE
	:: area_word[c] != NOWHERE ->
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

/* Maps the page, or doesn't. It ends after all other processes, and then checks the claims about the final state. */
active proctype stranger()
{
	if
	:: atomic { page == NONE -> page = STRANGER }
	:: true
	fi;
	running == 0;
	assert(area_word[0] != UNDECIDED && area_word[1] != UNDECIDED);
	assert(area_word[0] == NOWHERE || area_word[1] == NOWHERE || area_word[0] == area_word[1]);
	assert(page != STRANGER || (area_word[0] == NOWHERE && area_word[1] == NOWHERE));
#ifndef FAILURES
	assert(page == STRANGER || (area_word[0] == page && area_word[1] == page))
#endif
}
