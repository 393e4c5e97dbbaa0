/* SPDX-License-Identifier: MIT */
/*
 * bank.pml - models the bank of one CPU's slot, the memory that has the CPU's data (src/sync/bank.c, vector.c). Two threads on
 * that CPU add to the data. Two remote owners, threads on other CPUs, take the bank, or run a vector on it: a list of changes
 * that happen all at once (rseqkit/vector.h). They take turns by a claim, which is like a lock. A scheduler preempts and migrates
 * the CPU's threads, and takes the CPU offline. Fences may fail (FAILURES). One owner may be missing after any step, as in a
 * child that another thread forked.
 *
 * Signal handlers need no process of their own. A handler that interrupts an adding thread acts like the other adding thread: it
 * runs instead, and aborts the section. A handler that interrupts an owner acts like the other owner: it can't take the claim
 * while the interrupted owner holds the claim.
 *
 * Each SEED_... macro puts a deliberate bug into the model, which the checker must find. The model checks that no add is lost or
 * counted twice, that no bank has two users, that a vector is done completely or not at all, and that an adding thread never
 * waits.
 */
#ifndef ADDS
#define ADDS 1 /* how many adds thread 0 makes; OTHERS: thread 1 */
#endif
#ifndef OTHERS
#define OTHERS 1
#endif
#ifndef TURNS
#define TURNS 1 /* how often owner 1 takes the bank or runs a vector; owner 0 does it once */
#endif
#define NOBODY 3
#define NONE 3
#define NOT_TAKEN 0
#define PENDING 1
#define MINE 2
#define BRIEFLY 3

byte bank = 0;           /* the bank that the slot names; `open` says whether the slot is open */
bool open = true;
byte taken = NONE;       /* the bank that an owner took; `why` says in which state it is */
byte why = NOT_TAKEN;
byte claim = NOBODY;
byte value[3];           /* the value in each bank */
byte overflow;
byte drained;            /* ghost (only for the checks): sum of the values that owners took out of banks */
byte added, by_vectors;  /* ghost: number of adds, of threads and of vectors */
bool gone;               /* owner 0 isn't in this process any more */
bool owned[6];           /* ghost: which banks belong to which owner */
byte running = NOBODY;   /* the thread on the CPU; NOBODY: idle, or offline */
bool inside[2], aborted[2];
byte adders = 2;

inline preempt()
{
	if
	:: running != NOBODY && inside[running] -> aborted[running] = true
	:: else
	fi
}

proctype adder(byte me)
{
	byte at, seen, left = (me == 0 -> ADDS : OTHERS);

again:
	do
	:: left > 0 ->
#ifdef SEED_LOADED_OUTSIDE
		atomic { running == me -> at = (open -> bank : NONE) }
#endif
		atomic { running == me -> inside[me] = true; aborted[me] = false }
#ifndef SEED_LOADED_OUTSIDE
		atomic { running == me ->
			if
			:: aborted[me] -> inside[me] = false; goto again
			:: else -> at = (open -> bank : NONE)
			fi }
#endif
		if
		:: at == NONE -> /* closed: adds to the overflow slot */
			atomic { running == me -> inside[me] = false; overflow++; added++; left--; at = 0 }
		:: else ->
			atomic { running == me ->
				if
				:: aborted[me] -> inside[me] = false; goto again
				:: else -> seen = value[at]
				fi }
			atomic { running == me ->
				if
				:: aborted[me] -> inside[me] = false; goto again
				:: else -> value[at] = seen + 1; added++; left--; inside[me] = false; at = 0; seen = 0
				fi }
		fi
	:: else -> break
	od;
	atomic { running == me -> adders--; running = NOBODY }
}

/* The scheduler of the CPU. At any time it may switch to either thread, or to none. */
proctype scheduler()
{
	do
	:: atomic { adders > 0 && running != 0 -> preempt(); running = 0 }
	:: atomic { adders > 0 && running != 1 -> preempt(); running = 1 }
	:: atomic { running != NOBODY -> preempt(); running = NOBODY }
	:: adders == 0 -> break
	od
}

/* Fences the CPU. `fine` becomes false if the fence failed. */
inline fence(fine)
{
	atomic {
		if
		:: true ->
#ifndef SEED_NO_FENCE
			preempt();
#endif
			fine = true
#ifdef FAILURES
		:: true -> fine = false
#endif
		fi
	}
}

inline own(b)
{
	assert(!owned[b] && !owned[3 + b] && !(open && bank == b));
	owned[3 * me + b] = true
}

/* From here on owner 0 can be missing. */
inline may_end()
{
	if
	:: me == 0 -> atomic { gone = true; owned[0] = false; owned[1] = false; owned[2] = false; goto ended }
	:: true
	fi
}

inline dispose(b)
{
	seen = value[b];
	may_end();
	atomic { value[b] = 0; drained = drained + seen; seen = 0; own(b) }
}

inline take_bank()
{
	if
	:: taken != NONE && !(open && bank == taken) -> /* an earlier owner took it, and didn't finish */
		fine = true;
		if
		:: why == PENDING -> fence(fine)
		:: else
		fi;
#ifdef SEED_FAILED_IS_MINE
		fine = true;
#endif
		may_end();
		if
		:: fine -> why = MINE; at = taken; dispose(at)
		:: else
		fi
	:: !(taken != NONE && !(open && bank == taken)) && owned[3 * me + spare] ->
#ifndef SEED_SPARE_AS_IT_WAS
		value[spare] = 0;
#endif
		at = bank;
#ifndef SEED_NAMED_LATER
		atomic { taken = at; why = PENDING }
		may_end();
#endif
		atomic { bank = spare; open = true; owned[3 * me + spare] = false }
		may_end();
#ifdef SEED_NAMED_LATER
		atomic { taken = at; why = PENDING }
#endif
		fence(fine);
#ifdef SEED_FAILED_IS_MINE
		fine = true;
#endif
		may_end();
		if
		:: fine -> why = MINE; may_end(); dispose(at)
		:: else
		fi
	:: else /* there is no spare bank */
	fi;
	may_end();
	if
	:: why != PENDING -> atomic { taken = NONE; why = NOT_TAKEN }
	:: else
	fi
}

inline run_vector()
{
	if
	:: taken == NONE && open && owned[3 * me + spare] ->
		at = bank;
		atomic { taken = at; why = BRIEFLY }
		may_end();
		open = false;
		may_end();
		fence(fine);
		may_end();
		if
		:: fine ->
#ifdef SEED_IN_PLACE
			value[at] = value[at] + 1;
			may_end();
#endif
			value[spare] = value[at];
			may_end();
#ifndef SEED_IN_PLACE
			value[spare] = value[spare] + 1;
			may_end();
#endif
			atomic { bank = spare; open = true; owned[3 * me + spare] = false; by_vectors++; own(at) }
		:: else -> open = true
		fi;
		may_end();
		atomic { taken = NONE; why = NOT_TAKEN }
	:: else
	fi
}

/* Opens the slot again, if a missing owner had closed it for a vector. */
inline mend()
{
#ifdef SEED_NOT_MENDED
	skip
#else
	if
	:: why == BRIEFLY ->
		if
		:: !open && bank == taken -> open = true
		:: else
		fi;
		may_end();
		atomic { taken = NONE; why = NOT_TAKEN }
	:: else
	fi
#endif
}

proctype owner(byte me)
{
	byte turns = (me == 0 -> 1 : TURNS), spare, at, seen;
	bool fine;

	do
	:: turns > 0 ->
		turns--;
		atomic {
			if
#ifdef SEED_NOT_CLAIMED
			:: true
#else
			:: claim == NOBODY || (claim == 0 && gone)
#endif
				-> claim = me
			:: else -> goto refused
			fi
		}
		may_end();
		mend();
		may_end();
		spare = (owned[3 * me] -> 0 : (owned[3 * me + 1] -> 1 : 2));
		if
		:: true -> take_bank()
		:: true -> run_vector()
		fi;
		may_end();
		claim = NOBODY;
refused:	atomic { spare = 0; at = 0; seen = 0; fine = false }
	:: else -> break
	od;
ended:	skip
}

/* The last assertion adds up the values of two banks: the slot's bank, and a bank that was taken but not emptied. */
init {
	atomic {
		owned[1] = true;
		owned[3 + 2] = true;
		run adder(0);
		run adder(1);
		run owner(0);
		run owner(1);
		run scheduler()
	}
	_nr_pr == 1;
	assert(open || why == BRIEFLY);
	assert(added + by_vectors == drained + overflow + value[bank] +
		(taken != NONE && taken != bank && why != BRIEFLY -> value[taken] : 0))
}
