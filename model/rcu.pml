/* SPDX-License-Identifier: MIT */
/*
 * rcu.pml - models read sections and grace periods of rcu (src/structures/rcu.c). When a reader enters, 1 is added to the
 * word of one of two CPUs by a section, or to the overflow word. When it leaves, 1 is subtracted from any of these words.
 * Writers publish a new version of the data, wait for a grace period by its number, and free the old version. With FAILURES
 * fences may fail.
 *
 * A reader may be interrupted at any step, and may migrate between entering and leaving. A signal handler that reads is like
 * one more reader. The reader that it interrupts doesn't run meanwhile, or its section is aborted.
 *
 * The model checks that no reader reads a freed version, that the counts are 0 at the end, and that there is no dead end. Each
 * SEED_... macro puts a deliberate bug into the model, which the checker must find.
 */
#ifndef READS
#define READS 1 /* number of read sections of reader 0 */
#endif
#ifndef TURNS
#define TURNS 1 /* how often writer 0 replaces the version */
#endif
#ifndef OTHERS
#define OTHERS 1 /* the same for writer 1 */
#endif
#define OVERFLOW 2
#define NOBODY 2

byte phase = 0;          /* the phase in which readers are counted */
short word[6];           /* the words of two CPUs and the overflow word for phase 0, then those for phase 1 */
bool inside[2], aborted[2];
byte claim = NOBODY;     /* held by the writer that advances a grace period */
byte started, done;      /* numbers of the last grace periods that began and ended */
bool unfenced;
byte published = 0;      /* the version that readers find */
byte next = 1;
bool freed[4];           /* versions that were freed; only for the checks */

inline enter()
{
	do
	:: true -> /* counts the reader by a section */
#ifdef SEED_LOADED_OUTSIDE
		atomic { at = phase }
#endif
		atomic {
			inside[me] = true;
			aborted[me] = false;
#ifndef SEED_LOADED_OUTSIDE
			at = phase;
#endif
			if
			:: word_of = at * 3
			:: word_of = at * 3 + 1
			fi
		}
		atomic {
			inside[me] = false;
			if
			:: aborted[me]
			:: else -> word[word_of]++; break
			fi
		}
	:: true -> /* counts the reader in the overflow word */
		at = phase;
		atomic { word_of = at * 3 + OVERFLOW; word[word_of]++ }
#ifdef SEED_NO_SECOND_LOOK
		break
#else
		if
		:: phase == at -> break
		:: else
		fi;
#ifdef SEED_UNDONE_ELSEWHERE
		word[at * 3]--
#else
		word[word_of]--
#endif
#endif
	od
}

inline leave()
{
	atomic {
		if
		:: word[at * 3]--
		:: word[at * 3 + 1]--
		:: word[at * 3 + OVERFLOW]--
		fi
	}
}

proctype reader(byte me)
{
	byte left = (me == 0 -> READS : 1), at, word_of, found;

	do
	:: left > 0 ->
		enter();
		found = published;
		assert(!freed[found]);
		leave();
		atomic { left--; at = 0; word_of = 0; found = 0 }
	:: else -> break
	od
}

/* Fences all CPUs. `fine` becomes false if the fence failed. */
inline fence()
{
	atomic {
		if
		:: true ->
#ifndef SEED_NO_FENCE
			aborted[0] = true;
			aborted[1] = true;
#endif
			fine = true
#ifdef FAILURES
		:: true -> fine = false
#endif
		fi
	}
}

/* Does the next step of a grace period. The caller holds the claim. */
inline step()
{
	if
	:: started > done ->
		fine = true;
		if
		:: unfenced ->
			fence();
#ifdef SEED_FAILED_IS_FENCED
			fine = true;
#endif
			if
			:: fine -> unfenced = false
			:: else
			fi
		:: else
		fi;
		if
		:: fine ->
			/* The words are read one after the other, the overflow word first. Readers may leave in between. */
			sum = word[(1 - phase) * 3 + OVERFLOW];
			sum = sum + word[(1 - phase) * 3];
			sum = sum + word[(1 - phase) * 3 + 1];
			if
			:: sum == 0 -> done = started
			:: else -> sum = 0
			fi
		:: else
		fi
	:: else
	fi;
	if
	:: started == done && done < mine ->
		started++;
		unfenced = true;
		phase = 1 - phase
	:: else
	fi
}

proctype writer(byte me)
{
	byte turns = (me == 0 -> TURNS : OTHERS), old, mine;
	short sum;
	bool fine;

	do
	:: turns > 0 ->
		atomic { old = published; published = next; next++ }
#ifdef SEED_ANY_PERIOD
		mine = (started > done -> started : started + 1);
#else
		mine = started + 1;
#endif
		do
		:: done >= mine -> break
		:: atomic { done < mine && claim == NOBODY -> claim = me };
			step();
			claim = NOBODY
		od;
		atomic { freed[old] = true; turns--; old = 0; mine = 0; fine = false; sum = 0 }
	:: else -> break
	od
}

init {
	atomic {
		run reader(0);
		run reader(1);
		run writer(0);
		run writer(1)
	}
	_nr_pr == 1;
	assert(word[0] + word[1] + word[2] == 0);
	assert(word[3] + word[4] + word[5] == 0)
}
