/* SPDX-License-Identifier: MIT */
/*
 * kernel.pml - the common part of those models that are about registration: one thread's registration as the kernel sees it,
 * its rseq area as user space sees it, and signal handlers.
 *
 * An activation is the thread itself (level 0), a signal handler (level 1), or a handler that interrupted a handler (level
 * 2). Only the topmost one runs. The ones below wait until it returns; the `provided` clauses of the proctypes say this
 * (level <= its own). A handler may run between any two steps of the activation below. Steps within `atomic` are one
 * instruction or one system call.
 */

/* The areas of the models: A and B, or NONE. */
#define NONE 0
#define A 1
#define B 2

/* Results of calls. */
#define OK 0
#define EBUSY 1
#define EINVAL 2
#define EAGAIN 3

/*
 * SELF is the index of a registration in kernel[]: 0 for the thread, 1 for its vfork child on the same TLS. In meeting.pml it
 * is the number of the thread.
 */
#ifndef SELF
#define SELF child
#define CLAIMS(area) claims[area]
#endif

byte level;     /* the level of the activation that runs */
bool blocked;   /* signals are blocked */
bit child;      /* a vfork child runs on this thread's TLS; the thread itself sleeps until the child is gone */
byte kernel[2]; /* the area in which the thread (0) and its vfork child (1) are registered */
bool claims[6]; /* the area's cpu_id isn't negative */
bool closed;    /* A's cpu_id is the mark of a bracket (rk_vfork_begin()) */

/* rseq(area, length, 0, RK_SIGNATURE) */
inline rseq_register(area)
{
	atomic {
		r = (kernel[SELF] == NONE -> OK : (kernel[SELF] == area -> EBUSY : EINVAL));
		if
		:: r == OK -> kernel[SELF] = area; CLAIMS(area) = true; closed = false
		:: else
		fi
	}
}

/* rseq(area, length, RK_RSEQ_UNREGISTER, RK_SIGNATURE) */
inline rseq_unregister(area)
{
	atomic {
		r = (kernel[SELF] == area -> OK : EINVAL);
		if
		:: r == OK -> kernel[SELF] = NONE; CLAIMS(area) = false; closed = false
		:: else
		fi
	}
}

/* The beginning and the end of a handler that interrupts the activation of level `below`. */
#define HANDLER_ENTERS(below, more) atomic { level == below && !blocked && more -> level = below + 1 }
#define HANDLER_RETURNS(below) level = below
