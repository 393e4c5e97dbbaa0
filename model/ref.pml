/* SPDX-License-Identifier: MIT */
/*
 * ref.pml - models a reference count (src/structures/ref.c). Until rk_ref_kill(), sections count references in the words of
 * two CPUs. References can also be counted in a shared word. One user has a reference, gets another one, and puts both, on
 * any CPU, in either word. Another user only puts its reference. A stranger has no reference, and tries to get one. The owner
 * kills the count. With FAILURES its fences may fail.
 *
 * A user may be interrupted at any step. A signal handler that uses the count is like one more user.
 *
 * The model checks that the object isn't released while a user has a reference, and that it is released exactly once. The
 * stranger gets a reference, or its attempt fails. Each SEED_... macro puts a deliberate bug into the model, which the checker
 * must find.
 */

bool open = true;             /* the gate: while it is open, sections count references */
short word[2];                /* the CPUs' words */
short count = 3;              /* the shared word, with a reference of each user and of the owner; exact once `alive` is false */
bool alive = true;
bool inside[3], aborted[3];
byte released;                /* how often the object was released; only for the checks */

inline drop()
{
	atomic {
		count--;
		if
		:: count == 0 && !alive ->
			released++;
			assert(released == 1)
		:: else
		fi
	}
}

/* Tries to add `by` to a CPU's word by a section. `done` says whether it did. */
inline section(by)
{
	do
	:: true ->
#ifdef SEED_LOADED_OUTSIDE
		atomic { found = open }
#endif
		atomic {
			aborted[me] = false;
#ifndef SEED_LOADED_OUTSIDE
			found = open;
#endif
			if
			:: found -> inside[me] = true
			:: else -> done = false; break
			fi
		}
		atomic {
			inside[me] = false;
			if
			:: aborted[me]
			:: !aborted[me] -> word[0] = word[0] + by; done = true; break
			:: !aborted[me] -> word[1] = word[1] + by; done = true; break
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
	:: else -> atomic { count++ }
	fi
}

inline put()
{
	assert(released == 0);
	section(-1);
	if
	:: done
	:: else -> drop()
	fi
}

proctype user(byte me)
{
	bool found, done;

	get();
	put();
	put()
}

proctype other(byte me)
{
	bool found, done;

	put()
}

proctype stranger(byte me)
{
	bool found, done;

	section(1);
	if
	:: done
	:: else ->
		atomic {
			if
#ifdef SEED_RESURRECTS
			:: true -> count++; done = true
#else
			:: alive || count != 0 -> count++; done = true
			:: !alive && count == 0
#endif
			fi
		}
	fi;
	if
	:: done -> put()
	:: else
	fi
}

/* Calls rk_ref_kill(). After the fence no section changes a word. */
proctype owner()
{
	bool fine;
	short sum;

	open = false;
	do
	:: true ->
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
#ifdef SEED_FAILED_IS_FENCED
		fine = true;
#endif
		if
		:: fine -> break
		:: else /* the owner calls rk_ref_kill() again */
		fi
	od;
	sum = word[0];
	sum = sum + word[1];
#ifdef SEED_NOT_AT_ONCE
	atomic {
		alive = false;
		released = released + (count == 0)
	}
	count = count + sum;
#else
	atomic {
		count = count + sum;
		alive = false
	}
#endif
	drop()
}

init {
	atomic {
		run user(0);
		run other(1);
		run stranger(2);
		run owner()
	}
	_nr_pr == 1;
	assert(count == 0 && released == 1)
}
