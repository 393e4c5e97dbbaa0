/* SPDX-License-Identifier: MIT */
/*
 * lock.pml - models per-CPU locks on two CPUs (src/structures/lock.c, lock_take.c). Local threads take the lock of the CPU on
 * which they run, by a section. Remote threads take the lock of any CPU. With FAILURES fences may fail, and time limits may
 * expire.
 *
 * A thread may be on any CPU each time it begins a section. A signal handler that tries to take a lock is like one more
 * thread. With GIVES_UP a thread that finds a lock taken may give up, at once or after waiting. In the code it then takes the
 * lock of the overflow slot, or its time limit has expired.
 *
 * To unlock, a thread clears `held` and then reads a flag, without a barrier in between. So the read may come before the
 * store is visible. `late` is such a store; a fence on all CPUs makes it visible. A waiter in the model doesn't check again
 * after a time, so spin reports a lost wake-up as a dead end.
 *
 * The model checks that each lock has at most one holder, and that no thread sleeps for ever. Each SEED_... macro puts a
 * deliberate bug into the model, which the checker must find.
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

byte held[2];          /* the local thread that holds the lock, plus 1; 0: none */
bool closed[2];        /* a remote thread has closed the lock for sections */
byte claim[2] = NOBODY;
bool waiting[2];       /* local threads can sleep until the lock is free */
byte turn[2];          /* the word that the local threads sleep on */
byte asleep[2];        /* the kernel's list of sleepers, a bit for each thread */
bool wanted[2];        /* the remote thread that closed the lock can sleep until there is no holder */
byte emptied[2];       /* the word that this remote thread sleeps on */
bool wanting[2];       /* this remote thread sleeps */
byte late[THREADS] = NONE; /* the lock that the thread has unlocked, while other threads don't see this yet */
byte section[2] = NOBODY;  /* the thread in a section on that CPU */
byte holders[2];       /* number of threads that hold the lock; only for the checks */

/* The thread's own unlock becomes visible before its next step. */
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

/* Wakes one of the sleepers. */
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

/* An unlock wakes both kinds of sleepers, because the remote thread may have given up by then. */
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

/* Sleeps until another thread wakes it. Returns at once if the lock is free now. */
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

/* Ends the waiting of a thread that holds lock s now, or that will wait for s. */
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
		/* tries to take the lock by a section */
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
			/* unlocks: the store to `held`, and the read of the flags */
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
			:: true -> fine = false /* the time limit has expired */
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
