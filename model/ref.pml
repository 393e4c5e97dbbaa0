/* SPDX-License-Identifier: MIT */
/*
 * ref.pml - a reference count: per CPU until it is killed, then one exact word. Two users who have a reference each, take
 * another, and give both back, by a section on either of two CPUs or by the shared word; one who has none, and tries to get
 * one; an owner who kills the count, with fences that fail (FAILURES), and then drops the first reference.
 *
 * A user is interrupted wherever it likes. A signal handler that uses the count is one more user.
 *
 * Claims: nobody uses the object after its release; it is released, once; who tries has it or is told.
 */
#define BIAS 100

bool open = true;        /* the gate: do sections count? */
short word[2];           /* of the CPUs */
short count = BIAS + 3;  /* shared: two users' references, and the owner's */
bool inside[3], aborted[3];
byte released;           /* ghost */

inline drop()
{
	atomic {
		count--;
		if
		:: count == 0 -> released++; assert(released == 1)
		:: else
		fi
	}
}

/* Adds `by` in a section; `done` says whether. */
inline section(by)
{
	do
	:: true ->
#ifdef SEED_LOADED_OUTSIDE
		atomic { found = open }
#endif
		atomic {
			inside[me] = true;
			aborted[me] = false;
#ifndef SEED_LOADED_OUTSIDE
			found = open;
#endif
			if
			:: cpu = 0
			:: cpu = 1
			fi
		}
		if
		:: !found -> inside[me] = false; done = false; break
		:: else
		fi;
		atomic {
			inside[me] = false;
			if
			:: aborted[me]
			:: else -> word[cpu] = word[cpu] + by; done = true; break
			fi
		}
	:: true -> done = false; break /* no rseq */
	od
}

inline get()
{
	section(1);
	if
	:: done
	:: else -> atomic { count++; assert(count > 1) }
	fi
}

inline put()
{
	section(-1);
	if
	:: done
	:: else -> drop()
	fi
}

inline use()
{
	assert(!released)
}

proctype user(byte me)
{
	bool found, done;
	byte cpu;

	get();
	use();
	put();
	use();
	put()
}

proctype stranger(byte me)
{
	bool found, done;
	byte cpu;

	section(1);
	if
	:: done
	:: else ->
		atomic {
			if
#ifdef SEED_RESURRECTS
			:: true -> count++; done = true
#else
			:: count > 0 -> count++; done = true
			:: count == 0 -> skip
#endif
			fi
		}
	fi;
	if
	:: done -> use(); put()
	:: else
	fi
}

inline fence()
{
	atomic {
		if
		:: true ->
#ifndef SEED_NO_FENCE
			aborted[0] = true;
			aborted[1] = true;
			aborted[2] = true;
#endif
			fine = true
#ifdef FAILURES
		:: true -> fine = false
#endif
		fi
	}
}

/* The sum is taken CPU by CPU: behind the fence nothing changes it. */
proctype owner()
{
	bool fine;
	short sum;

	open = false;
	do
	:: true ->
		fence();
#ifdef SEED_FAILED_IS_FENCED
		fine = true;
#endif
		if
		:: fine -> break
		:: else /* called again */
		fi
	od;
	sum = word[0];
	sum = sum + word[1];
#ifdef SEED_BIAS_FIRST
	atomic { count = count - BIAS; if :: count == 0 -> released++ :: else fi };
	count = count + sum;
#else
	atomic { count = count + sum - BIAS };
#endif
	drop()
}

init {
	atomic {
		run user(0);
		run user(1);
		run stranger(2);
		run owner()
	}
	_nr_pr == 1;
	assert(count == 0 && released == 1)
}
