/* SPDX-License-Identifier: MIT */
/*
 * lock.pml - a lock for each CPU (src/structures/lock.c): threads that lock that of the CPU they run on, by a section, and
 * threads that lock one of a CPU from elsewhere, with fences that fail, and limits of time (FAILURES).
 *
 * A thread's CPU is whichever it likes, whenever it begins a section. A signal handler that tries is one more thread. With
 * GIVES_UP whoever finds a lock taken may go away, now or when it has waited: to the overflow slot, or since the time is over.
 *
 * Who unlocks stores and looks at a flag without a barrier in between, so the store may come after the look: `late` is such a
 * store, and a fence of all CPUs brings it about. Nobody looks again by itself, so a wake-up that is lost is a dead end.
 *
 * Claims: each lock has one holder at most; nobody sleeps for ever.
 */
#define NOBODY 7
#define NONE 2
#ifndef LOCALS
#define LOCALS 2
#endif
#ifndef REMOTES
#define REMOTES 1
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define THREADS (LOCALS + REMOTES)

byte held[2];          /* by which thread, plus 1 */
bool closed[2];        /* by a remote one */
byte claim[2] = NOBODY;
bool waiting[2];       /* somebody may sleep until it is free */
byte turn[2];          /* what they sleep on */
byte asleep[2];        /* ghost: a bit for each thread, the kernel's list */
bool wanted[2];        /* who has closed it may sleep until nobody holds it */
byte emptied[2];
bool wanting[2];       /* ghost: asleep, for it */
byte late[THREADS] = NONE; /* whose end isn't seen yet */
byte section[2] = NOBODY;  /* who is in one on that CPU */
byte holders[2];       /* ghost */

/* What has happened for itself, happened before what it does next. */
inline catch_up()
{
	atomic {
		if
		:: late[me] != NONE -> held[late[me]] = 0; late[me] = NONE
		:: else
		fi
	}
}

inline fence_all()
{
	d_step {
		i = 0;
		do
		:: i < THREADS ->
			if
			:: late[i] != NONE -> held[late[i]] = 0; late[i] = NONE
			:: else
			fi;
			i++
		:: else -> break
		od;
		i = 0;
		section[0] = NOBODY;
		section[1] = NOBODY
	}
}

/* Any of those who sleep. */
inline wake_one(s)
{
	turn[s] = turn[s] + 1;
	atomic {
		if
		:: asleep[s] & 1 -> asleep[s] = asleep[s] & ~1
		:: asleep[s] & 2 -> asleep[s] = asleep[s] & ~2
#if LOCALS == 3
		:: asleep[s] & 4 -> asleep[s] = asleep[s] & ~4
#endif
		:: asleep[s] == 0 -> skip
		fi
	}
}

/* Who unlocks wakes both, if they are there: who wants it may be gone by then. */
inline wake(s)
{
#if REMOTES > 0
	if
	:: wanted[s] ->
		wanted[s] = false;
		emptied[s] = emptied[s] + 1;
		wanting[s] = false
#ifdef SEED_WAKES_ONE_KIND
	:: !wanted[s] && waiting[s] ->
		waiting[s] = false;
		wake_one(s)
	:: else
	fi
#else
	:: else
	fi;
#endif
#endif
#ifndef SEED_WAKES_ONE_KIND
	if
	:: waiting[s] ->
		waiting[s] = false;
		wake_one(s)
	:: else
	fi
#endif
}

inline fence_before_sleep()
{
#ifndef SEED_NO_FENCE_BEFORE_SLEEP
	fence_all()
#else
	skip
#endif
}

/* Sleeps until somebody wakes it, or returns where there is no need any more. */
inline wait_until_free(s)
{
	seen = turn[s];
	waiting[s] = true;
	fence_before_sleep();
	if
	:: held[s] == 0 && !closed[s]
	:: else ->
		atomic {
			if
			:: turn[s] == seen -> asleep[s] = asleep[s] | (1 << me)
			:: else
			fi
		}
		!(asleep[s] & (1 << me))
	fi
}

inline wait_until_empty(s)
{
	seen = emptied[s];
	wanted[s] = true;
	fence_before_sleep();
	if
	:: held[s] == 0
	:: else ->
		atomic {
			if
			:: emptied[s] == seen -> wanting[s] = true
			:: else
			fi
		}
		!wanting[s]
	fi
}

inline go_away()
{
	if
#ifndef SEED_KEEPS_THE_WAKE
	:: waited != NONE -> wake_one(waited)
#endif
	:: else
	fi;
	waited = NONE
}

/* It had slept there, and has that one or not. */
inline stop_waiting(s)
{
	if
	:: waited == s ->
#ifndef SEED_FORGETS_THE_OTHERS
		waiting[s] = true;
#endif
		waited = NONE
	:: else -> go_away()
	fi
}

inline critical(s)
{
	atomic { holders[s]++; assert(holders[s] == 1) }
	atomic { holders[s]-- }
}

proctype here(byte me; byte rounds)
{
	byte c, i, seen, waited = NONE;
	bool done, busy;

	do
	:: rounds > 0 ->
		catch_up();
		/* a section */
		if
		:: c = 0
		:: c = 1
		fi;
		atomic { section[c] = me }
		busy = (held[c] != 0 || closed[c]);
#ifdef SEED_NOT_CLOSED
		busy = (held[c] != 0);
#endif
		atomic {
			done = (section[c] == me);
			if
			:: done -> section[c] = NOBODY
			:: else
			fi;
			if
			:: done && !busy -> held[c] = me + 1
			:: else
			fi
		}
		if
		:: !done
		:: done && busy ->
#ifdef GIVES_UP
			if
			:: true -> go_away(); break
			:: true
			fi;
#endif
			if
			:: waited != NONE && waited != c -> stop_waiting(c)
			:: else
			fi;
			waited = c;
			wait_until_free(c)
		:: done && !busy ->
			stop_waiting(c);
			critical(c);
			/* the store, and the look */
			late[me] = c;
			if
			:: catch_up()
			:: skip
			fi;
			wake(c);
			rounds--
		fi
	:: else -> break
	od;
	catch_up()
}

#if REMOTES > 0
proctype elsewhere(byte me; byte rounds)
{
	byte c, i, seen;
	bool fine;

	do
	:: rounds > 0 ->
		if
		:: c = 0
		:: c = 1
		fi;
		atomic { claim[c] == NOBODY -> claim[c] = me }
		closed[c] = true;
		atomic {
			fine = true;
			if
			:: true ->
#ifndef SEED_NO_FENCE
				section[c] = NOBODY
#endif
#ifdef FAILURES
			:: true -> fine = false
#endif
			fi
		}
#ifdef SEED_FAILED_IS_FENCED
		fine = true;
#endif
		do
		:: fine && held[c] != 0 ->
			if
			:: true -> wait_until_empty(c)
#ifdef FAILURES
			:: true -> fine = false /* the time is over */
#endif
			fi
		:: else -> break
		od;
		if
		:: fine -> critical(c)
		:: else
		fi;
		closed[c] = false;
		claim[c] = NOBODY;
#ifndef SEED_WAKES_NOBODY
		wake(c);
#endif
		rounds--
	:: else -> break
	od
}
#endif

init {
	atomic {
		run here(0, ROUNDS);
		run here(1, 1);
#if LOCALS == 3
		run here(2, 1);
#endif
#if REMOTES >= 1
		run elsewhere(LOCALS, 1);
#endif
#if REMOTES >= 2
		run elsewhere(LOCALS + 1, 1)
#endif
	}
	_nr_pr == 1;
	assert(held[0] == 0 && held[1] == 0 && !closed[0] && !closed[1] && asleep[0] == 0 && asleep[1] == 0 &&
	       !wanting[0] && !wanting[1])
}
