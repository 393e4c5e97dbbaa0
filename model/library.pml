/* SPDX-License-Identifier: MIT */
/*
 * library.pml - the steps of registration in src/thread/thread.c, and of brackets (rk_vfork_begin() to rk_vfork_end()) in
 * src/thread/vfork.c. The comments beside the steps quote the code. Models include this file after kernel.pml. A thread block is
 * the library's state for a thread. The area is A: the copies of the library have agreed on it before (meeting.pml).
 *
 * A model defines BLOCKS, and some of the other macros:
 *
 *   BLOCKS        1: all copies share a thread block (RK_WHERE_OWN); 2: two copies have one each (RK_WHERE_LIBC_SPARE,
 *                 RK_WHERE_EARLY)
 *   NO_BRACKETS   no vfork
 *   COUNTED       an early adopter's count
 *   STRANGER      a component that registers the area in any state
 *   EXITING       the end of a thread; the libc frees its memory while the thread still runs
 *
 * A variable marked "ghost" isn't part of the code. It is only for the claims that a model checks. Each SEED_... macro puts a
 * deliberate bug into the models, which the checker must find.
 */

typedef thread_block {
	byte users;
	byte vfork;
	bool restore;      /* RESTORE_REGISTRATION */
	bool restore_mark; /* RESTORE_MARK */
#ifdef SEED_CHILD_REASON_KEPT
	bool kept;    /* a reason was stored */
#endif
#ifdef COUNTED
	bool counted;
#endif
#ifdef EXITING
	bool exiting;
#endif
}

thread_block block[BLOCKS];

byte held[BLOCKS]; /* ghost: calls of rk_thread_register() that returned 0, minus calls of rk_thread_unregister() */
byte open;         /* ghost: number of open brackets, from the call of rk_vfork_begin() to the return of rk_vfork_end() */

#ifdef COUNTED
byte adopters;     /* __rseq_refcount */
#endif

/* ENDS_MEANWHILE: the thread is ending, so from now on its operations take the fallback. */
#ifdef EXITING
#define ENDS_MEANWHILE block[b].exiting
#else
#define ENDS_MEANWHILE false
#endif

/* The local variables of an activation (kernel.pml). */
#ifdef COUNTED
#define LOCALS byte r, seen, look, b, actions; bool was, owed, owed_mark, broken, blocked_before
#else
#define LOCALS byte r, seen, look, b, actions; bool was, owed, owed_mark, broken
#endif

/*
 * src/os/word.h, rk_word_replace(): a read, then one cmpxchg. The caller repeats both if a handler has changed the word in
 * between.
 */
#ifdef SEED_COUNT_SPLIT
#define REPLACE(word, new) word = new; break
#else
#define REPLACE(word, new) atomic { if :: word == seen -> word = new; break :: else fi }
#endif

/* src/thread/thread.c, register_area() */
inline register_area()
{
#ifdef COUNTED
#ifndef SEED_SIGNALS_OPEN
	blocked_before = blocked;
	blocked = true;                   /* rk_kernel_block_signals(before) */
#endif
	if
	:: !block[b].counted ->           /* if (!READ(rk_block.state.counted)) */
		block[b].counted = true;  /* WRITE(rk_block.state.counted, 1) */
#ifndef SEED_COUNT_NOT_RAISED
		adopters++                /* rk_word_add(adopters, 1) */
#endif
	:: else
	fi;
#endif
	rseq_register(A);                 /* rk_sys_rseq(area, p->length, 0, RK_SIGNATURE) */
	/* Copies of this library never cause a refusal. */
	assert(r == OK || r == EBUSY);
#if defined(COUNTED) && !defined(SEED_SIGNALS_OPEN)
	blocked = blocked_before          /* rk_kernel_set_signals(before, NULL) */
#endif
}

/* src/thread/thread.c, attach() */
inline attach()
{
	if
#if !defined(SEED_CHILD_REGISTERS) && !defined(NO_BRACKETS)
	:: child ->                       /* if (rk_kernel_is_vfork_child() == 1) */
#ifdef SEED_CHILD_REASON_KEPT
		block[b].kept = true;
#endif
		r = EAGAIN                /* the reason isn't kept */
#endif
	:: else ->
		register_area();
#ifndef SEED_EBUSY_FAILS
		if
		:: r == EBUSY -> r = OK   /* if (r == 0 || r == -EBUSY) return 0 */
		:: else
		fi
#endif
	fi
}

#if defined(COUNTED) && !defined(SEED_NOT_OWED)
#define IS_DONE (claims[A] && block[b].counted)
#else
#define IS_DONE claims[A]
#endif

/* IS_CLOSED: the area has the mark of a bracket, which any copy may have opened. */
#ifdef SEED_NOT_HEEDED
#define IS_CLOSED false
#else
#define IS_CLOSED closed
#endif

#ifdef EXITING
#define REFUSES (block[b].vfork > 0 || IS_CLOSED || block[b].exiting)
#else
#define REFUSES (block[b].vfork > 0 || IS_CLOSED)
#endif

/* src/thread/thread.c, prepare_and_note() */
inline prepare()
{
	if
	:: IS_DONE -> r = OK              /* owes_a_count(p): register_area(); if (rk_area_is_registered(area)) return 0 */
	:: else ->
		if
#ifndef NO_BRACKETS
		:: REFUSES -> r = EAGAIN  /* if (rk_is_bracketed(state, area)) */
#endif
#ifdef SEED_CHILD_REASON_KEPT
		:: !REFUSES && block[b].kept -> r = EAGAIN
		:: !REFUSES && !block[b].kept -> attach()
#else
		:: else -> attach()
#endif
		fi
	fi
}

/* src/thread/thread.c, rk_thread_register() */
inline thread_register()
{
	was = open == 0 && !child;
#ifdef EXITING
	was = was && !block[b].exiting;
#endif
	prepare();
	/* Only a bracket and a vfork child are reasons for a refusal. */
	assert(r == OK || !was || ENDS_MEANWHILE);
	if
	:: r == OK ->
		do
		:: seen = block[b].users;                 /* users = READ(state->users) */
		   REPLACE(block[b].users, seen + 1)      /* rk_word_replace(&state->users, users, users + 1) */
		od;
		/* The call counts as a user, if it began outside brackets and vfork children. */
		if
		:: was -> held[b]++
		:: else -> thread_unregister()
		fi
	:: else
	fi
}

/* src/thread/thread.c, rk_thread_unregister() */
inline thread_unregister()
{
	do
	:: seen = block[b].users;                 /* users = READ(state->users) */
	   assert(seen > 0);                      /* if (users == 0) return -EINVAL */
	   REPLACE(block[b].users, seen - 1)      /* rk_word_replace(&state->users, users, users - 1) */
	od
}

/* include/rseqkit/detail/ops_body.h; src/thread/leave.c, rki_leave(): a section, which a signal aborts as a whole, or the slow
   path. */
inline operation()
{
	do
#ifdef STRANGER
	:: claims[A] -> break             /* in a vfork child the operation may run unprotected: see rseqkit/thread.h */
#else
	:: atomic { claims[A] -> assert(kernel[child] == A); break }
#endif
	:: atomic { !claims[A] -> skip };
	   prepare();
	   if
	   :: r == OK
	   :: else -> break               /* the fallback */
	   fi
	od
}

/*
 * src/thread/vfork.c, close_area(). The code also gives up if the registration can't be undone (-ENOTSUP), or if another
 * component registers the thread again each time (-EBUSY). Neither happens in the models.
 */
inline close_area()
{
	do
	:: look = (claims[A] -> 1 : (closed -> 2 : 0)); /* cpu = area->cpu_id */
	   if
	   :: look == 2 -> break           /* if (cpu == mark) return 0 */
#ifdef SEED_TRUSTS_OUTER
	   :: look != 2 && block[b].vfork > 1 -> break
	   :: look == 1 && block[b].vfork == 1 ->
#else
	   :: look == 1 ->
#endif
		rseq_unregister(A);
		if
		:: r == OK -> block[b].restore = true
#ifndef STRANGER
		:: else                    /* a handler's bracket has closed A; only a STRANGER's child leaves a CPU number */
#else
		:: else ->
			/* close_leftover(), which blocks signals */
			atomic {
				if
				:: kernel[child] == NONE && claims[A] -> claims[A] = false; closed = true
				:: else -> look = 3
				fi
			};
			if
			:: look == 1 -> block[b].restore_mark = true; break
			:: else
			fi
#endif
		fi
#ifdef SEED_TRUSTS_OUTER
	   :: look == 0 && block[b].vfork == 1 ->
#else
	   :: look == 0 ->
#endif
		/* exchange_mark(area, cpu, mark) */
		atomic { if :: !claims[A] && !closed -> closed = true :: else -> look = 3 fi };
		if
		:: look == 0 -> block[b].restore_mark = true; break
		:: else
		fi
	   fi
	od
}

/* src/thread/vfork.c, rk_vfork_begin() */
inline vfork_begin()
{
	seen = block[b].vfork;
	block[b].vfork = seen + 1;        /* WRITE(state->vfork, READ(state->vfork) + 1) */
	close_area()
}

/* src/thread/vfork.c, open_area() */
inline open_area()
{
	if
	:: owed || broken ->
		rseq_register(A);
		assert(r == OK || r == EBUSY)
	:: !owed && !broken && owed_mark ->
		/* exchange_mark(area, mark, RK_CPU_ID_UNINITIALIZED) */
#ifndef STRANGER
		atomic { if :: closed -> closed = false :: else fi }
#else
		atomic { if :: closed -> closed = false :: else -> broken = true fi };
		if
		:: broken -> rseq_register(A)
		:: else
		fi
#endif
	:: else
	fi
}

/* src/thread/vfork.c, rk_vfork_end() */
inline vfork_end()
{
	broken = !closed;
	owed = block[b].restore;
	owed_mark = block[b].restore_mark;
#ifdef SEED_END_INSIDE
	if
	:: block[b].vfork == 1 -> open_area(); block[b].restore = false; block[b].restore_mark = false
	:: else
	fi;
	block[b].vfork = block[b].vfork - 1
#else
	seen = block[b].vfork;
	if
	:: seen > 1 ->
		if
		:: broken -> close_area()
		:: else
		fi;
		block[b].vfork = block[b].vfork - 1
	:: else ->
#ifdef SEED_END_IN_CHILD
		block[b].vfork = 0;
		owed = block[b].restore;
		owed_mark = block[b].restore_mark;
		open_area();
		block[b].restore = false;
		block[b].restore_mark = false
#else
		atomic { block[b].restore = false; block[b].restore_mark = false }; /* WRITE(state->restore, 0) */
		block[b].vfork = 0;       /* WRITE(state->vfork, 0) */
#ifndef SEED_NOT_SWEPT
		/* owed |= READ(state->restore): a handler in between closed the area again */
		atomic { owed = owed || block[b].restore; owed_mark = owed_mark || block[b].restore_mark };
		atomic { block[b].restore = false; block[b].restore_mark = false };
#endif
		open_area()
#endif
	fi
#endif
}

/*
 * A bracket of a program. Its vfork child may use operations, of the copy that opened the bracket or of the other one. If the
 * thread was registered before the bracket, it is registered after the bracket.
 */
inline bracket()
{
	was = open == 0 && claims[A];
	open++;
	vfork_begin();
#ifndef STRANGER
	assert(!claims[A] && kernel[child] == NONE);
#endif
	vfork_child();
	vfork_end();
	open--;
	assert(!was || claims[A] || ENDS_MEANWHILE)
}

/* A vfork child that uses an operation. It makes no vfork child itself. */
inline vfork_child()
{
	if
	:: atomic { !child && !claims[A] -> child = 1; kernel[1] = NONE }
	   operation();
#ifdef STRANGER
	   if
	   :: block[0].vfork + block[BLOCKS - 1].vfork > 0 -> rseq_register(A)
	   :: skip
	   fi;
#endif
	   child = 0
	:: skip
	fi
}

/* After rk_thread_register(), the area is registered outside brackets. */
inline use()
{
	atomic {
		held[b] > 0 && open == 0 && !child ->
		assert((claims[A] && kernel[0] == A) || ENDS_MEANWHILE)
	}
}

/* A call of rk_thread_unregister(), for a rk_thread_register() of this activation or of another one. */
inline leave()
{
	atomic { held[b] > 0 -> held[b]-- }
	thread_unregister()
}

#if BLOCKS == 1
#define ANY_COPY b = 0
#else
#define ANY_COPY if :: b = 0 :: b = 1 fi
#endif
