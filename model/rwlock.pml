/* SPDX-License-Identifier: MIT */
/*
 * rwlock.pml - models a reader-writer lock (src/structures/rwlock.c, rwlock_write.c). When a reader enters, 1 is added to the
 * word of one of two CPUs by a section, or to the overflow word. When it leaves, 1 is subtracted from any of these words.
 * With NESTED one reader takes the lock again inside its read section. Sections count readers only while a gate is open, and a
 * writer closes this gate. With FAILURES fences of writers may fail.
 *
 * A reader may be interrupted at any step. A signal handler that reads is like one more reader.
 *
 * The model checks that no thread reads or writes while a writer writes, and that the counts are 0 at the end. It also checks
 * that there is no dead end, although readers wait for writers, and writers for readers. Each SEED_... macro puts a deliberate
 * bug into the model, which the checker must find.
 */
#define NOBODY 2

mtype = { IDLE, WAITING, CLOSING, IN };

mtype phase = IDLE;
bool open = true;           /* the gate */
short word[2];              /* the CPUs' words */
short overflow;
bool inside[2], aborted[2]; /* of each reader: it is inside a section; this section was aborted */
byte claim = NOBODY;        /* held by a writer */
byte reading;               /* number of readers that have the lock; only for the checks */
bool writing;

#ifdef WRITERS_FIRST
#define LETS_IN (phase == IDLE)
#else
#define LETS_IN (phase == IDLE || phase == WAITING)
#endif

inline enter()
{
	do
	:: true -> /* counts the reader by a section */
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
			:: else -> skip
			fi
		}
		if
		:: found ->
			atomic {
				inside[me] = false;
				if
				:: aborted[me]
				:: !aborted[me] -> word[0]++; break
				:: !aborted[me] -> word[1]++; break
				fi
			}
		:: else
		fi
	:: true -> /* counts the reader in the overflow word */
#ifdef SEED_LOOKS_FIRST
		found = LETS_IN;
		atomic { overflow++ }
#else
		atomic { overflow++ }
		found = LETS_IN;
#endif
		if
		:: found -> break
		:: else ->
#ifdef SEED_UNDONE_ELSEWHERE
			atomic { word[0] = word[0] - 1 }
#else
			atomic { overflow-- }
#endif
			LETS_IN /* waits until the phase lets readers in */
		fi
	od;
	atomic {
		reading++;
		assert(!writing)
	}
}

inline leave()
{
	atomic {
		assert(!writing);
		reading--;
		if
		:: word[0] = word[0] - 1
		:: word[1] = word[1] - 1
		:: overflow--
		fi
	}
}

proctype reader(byte me)
{
	bool found;

	enter();
#ifdef NESTED
	if
	:: me == 0 ->
		enter();
		leave()
	:: else
	fi;
#endif
	leave()
}

/* Sums the words. The overflow word must be read first. */
inline add_up()
{
	sum = overflow;
	sum = sum + word[0];
	sum = sum + word[1]
}

proctype writer(byte me)
{
	bool fine;
	short sum;

	atomic { claim == NOBODY -> claim = me }
	phase = WAITING;
	open = false;
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
#ifdef SEED_FAILED_IS_FENCED
	fine = true;
#endif
	do
	:: fine ->
#ifndef SEED_NOT_CLOSING
		phase = CLOSING;
#endif
		add_up();
		if
		:: sum == 0 -> break
		:: else ->
			phase = WAITING;
			word[0] + word[1] + overflow == 0 /* sleeps until the last reader wakes it, or checks again */
		fi
	:: else -> break
	od;
	if
	:: fine ->
		phase = IN;
		atomic {
			writing = true;
			assert(reading == 0)
		}
		writing = false
	:: else
	fi;
	phase = IDLE;
	open = true;
	claim = NOBODY
}

init {
	atomic {
		run reader(0);
		run reader(1);
		run writer(0);
#ifdef OTHER
		run writer(1)
#endif
	}
	_nr_pr == 1;
	assert(word[0] + word[1] + overflow == 0 && claim == NOBODY && phase == IDLE)
}
