/* SPDX-License-Identifier: MIT */
/*
* traced.h - the threads that are traced.
 *
 * The invariant: a thread whose state is THREAD_RUNNING isn't touched by ptrace requests other than PTRACE_INTERRUPT. A thread
 * has at most one breakpoint behind it (`place`) whose outcome isn't known yet.
 */
#ifndef RK_TOOL_TORTURE_TRACED_H
#define RK_TOOL_TORTURE_TRACED_H

#include <sched.h>
#include <signal.h>

#include "space.h"

enum thread_state {
	THREAD_NEW,     /* its first stop hasn't come, or isn't yet handled because its parent is unknown */
	THREAD_RUNNING,
	THREAD_STOPPED
};

/* Why a thread makes a single step. */
enum step {
	STEP_NONE,
	STEP_ABORT,  /* is to end in the abort handler */
	STEP_OVER,   /* over an instruction that needs no abort */
	STEP_EXTRA   /* over a breakpoint outside the sections; `extra` says which */
};

struct thread {
	pid_t tid, group;
	struct process *process; /* NULL: not known yet */
	enum thread_state state;
	enum step step;
	struct place place;      /* of the step */
	enum extra_kind extra;
	bool aside;              /* the step is at a copy of the instruction */
	bool blocks_trap;        /* the program has blocked SIGTRAP in this thread */
	bool blocked_before;     /* the same before a signal handler, during which the stack pointer is below this: */
	uint64_t handler_stack;  /* 0: no handler runs, as far as is known */
	bool asleep;             /* isn't stopped, but sleeps in the kernel; `switches` tells whether it still does */
	uint64_t switches;
	bool ended;              /* the first thread, which stays until the others have ended */
	double since;            /* when a thread with an unknown parent was first seen */
	bool masked;             /* during the step, signals are blocked; `mask` is the program's own mask */
	uint64_t mask;
	bool has_status;         /* a stop that isn't handled yet */
	int status;
	bool moved;              /* kept on another CPU, until the step is over */
	bool sent;               /* kept on the CPU that a thread has left, until that thread goes on */
	cpu_set_t cpus;          /* the program's choice */
	cpu_set_t narrowed;      /* what it was last narrowed to */
	cpu_set_t single;        /* all CPUs to which it was ever narrowed, one at a time */
	int old_cpu;
	bool waits;              /* stopped until another thread passes on the old CPU, or until the deadline */
	double deadline;
	struct thread *next, *next_in_bucket;
};

enum { TRACED_BUCKETS = 1024, PASSED_SIGNALS = 2 };

/* A signal that the tool and the program got. */
struct passed_signal {
	pid_t sender, seen_from; /* 0: the kernel */
	double due;          /* when the program gets what the tool got; 0: nothing */
	double seen;         /* when the program got one itself; 0: never */
};

struct torture {
	const struct torture_settings *settings;
	struct torture_result *result;
	struct thread *threads;
	struct thread *buckets[TRACED_BUCKETS];
	pid_t first;             /* the program's first process */
	bool stopping;           /* the user wants the end */
	bool detaching;
	struct passed_signal passed[PASSED_SIGNALS];
};

struct thread *traced_find(const struct torture *torture, pid_t tid);
struct thread *traced_add(struct torture *torture, pid_t tid, pid_t group, struct process *process);
void traced_remove(struct torture *torture, struct thread *thread);

/* Lets a stopped thread go on, until the next stop or for one instruction. Delivers a signal, if it isn't 0. */
void traced_go(struct thread *thread, int signal);
void traced_step(struct thread *thread, enum step step);

/* Lets a thread that stands in a section go on. This aborts the section, and the thread's next stop shows it. */
void traced_inject(struct torture *torture, struct thread *thread);

/*
 * A SIGTRAP of the kernel that a thread has blocked also unblocks it (force_sig() of kernel/signal.c). This blocks it again.
 */
void traced_block_again(struct thread *thread);

/* A signal is delivered, possibly to a handler. A handler's mask ends with it. `stack` is the stack pointer now. */
void traced_enter_handler(struct thread *thread);
void traced_leave_handler(struct thread *thread, uint64_t stack);

/* The step is over: the thread gets its own mask of signals back. */
void traced_end_step(struct thread *thread);

/* If the stop says that the thread has made another one, or a child, takes over its address space. */
void traced_adopt(struct torture *torture, struct thread *parent, int status);

/*
 * Takes over the children whose parents died before they could report them, and that have waited for some seconds. Other children
 * are taken over when their parents report them. traced_find_children() adds those that haven't stopped yet.
 */
void traced_adopt_orphans(struct torture *torture, double seconds);
void traced_find_children(struct torture *torture);

/* Handles the stop, or the end, of a thread. The thread can be gone afterwards. */
void traced_handle(struct torture *torture, struct thread *thread, int status);

/*
 * hold.c: stops the other threads of an address space. Their stops are kept for later. A thread that sleeps isn't stopped,
 * because this can change how long it sleeps. Returns false if one couldn't be stopped in time. traced_free() lets those go on
 * whose stop has no other reason. traced_slept(): have the threads that sleep done nothing since traced_hold()?
 */
bool traced_hold(struct torture *torture, const struct thread *except, const struct process *process);
bool traced_slept(const struct torture *torture, const struct thread *except, const struct process *process);
void traced_free(struct torture *torture, const struct thread *except, const struct process *process);

/*
 * A fork or clone that began before its thread was traced makes a child that isn't traced. Returns when the threads of the
 * address space have left it.
 */
void traced_settle(struct torture *torture, const struct process *process);

/* Returns when the other threads of the address space have reported the traps that they have met, and have ended their steps. */
void traced_finish(struct torture *torture, const struct thread *except, const struct process *process);

/* Is the stop one that traced_hold() asked for? */
bool traced_is_request(int status);

/* Waits for the stop of a thread that was let go. Returns false if it ended, or doesn't stop in time. */
bool traced_wait(struct thread *thread);

/* Stops tracing the threads of an address space, or with NULL all. No breakpoint is left there. */
void traced_detach(struct torture *torture, const struct process *process);

/* Stops tracing the child of vfork() that the stopped thread is. Its parent gets its breakpoints back when the child has gone. */
void traced_leave(struct torture *torture, struct thread *thread);

/* Seconds of a clock that never goes back. */
double traced_now(void);

/* extra.c: a thread has come to a breakpoint outside the sections. */
void extra_reached(struct torture *torture, struct thread *thread, enum extra_kind kind,
		   const struct machine_registers *registers);

/* pass.c: the thread executes the instruction at the breakpoint `extra`; its step is over. */
void extra_pass(struct torture *torture, struct thread *thread);
void extra_left(struct torture *torture, struct thread *thread);

/* threads.c: puts a thread at a copy of an instruction back to the instruction, or after it. */
void extra_put_back(struct thread *thread);

/*
 * signals.c: the tool gets a signal, which is possibly for the program; a thread is about to get one; passes on what the program
 * hasn't got itself.
 */
void signals_got(struct torture *torture, const siginfo_t *info);
void signals_seen(struct torture *torture, const struct thread *thread, int signal);
void signals_pass(struct torture *torture);

/* spare.c: no section of the address space is aborted any more. */
enum spare_reason { SPARE_HANDLES, SPARE_IGNORES, SPARE_CLOSED };
void spare_process(struct torture *torture, struct process *process, enum spare_reason reason);

/* A program begins, or is attached to: does it handle or ignore SIGTRAP, and has it blocked it? */
void spare_if_needed(struct torture *torture, struct thread *thread);

/* strike.c: a thread has come to a breakpoint in a section; it has made its step. */
void strike(struct torture *torture, struct thread *thread, const struct place *place);
void strike_after_step(struct torture *torture, struct thread *thread, enum step step);

/* The thread gets a signal before its step is over. */
void strike_interrupted(struct torture *torture, struct thread *thread, enum step step);

/* The thread has passed the end of a section that rests. */
void strike_passed(const struct thread *thread, enum extra_kind kind);

/* Sets breakpoints that are still wanted. Other instructions, which threads had to reach first, possibly lie on no path. */
void strike_again(struct torture *torture);

/*
 * watch.c: lets the thread execute the store at which it stands, and says whether others have seen it. Returns true if the thread
 * has executed it; `place` is then the next instruction. watch_wants() says whether the store is still to be watched.
 * watch_may_hold(): a filter of system calls doesn't forbid that threads are stopped.
 */
bool watch_wants(const struct torture *torture, const struct place *place);
bool watch_store(struct torture *torture, struct thread *thread, struct place *place);
bool watch_may_hold(const struct thread *thread);

/*
 * migrate.c: moves the thread to another CPU. Returns true if the thread has to wait for another one. The other functions: a
 * thread has come to the end of a section; the deadlines of all threads; the end of the stop; a child with its parent's CPUs. The
 * program's own choice of CPUs stays.
 */
bool migrate_away(struct torture *torture, struct thread *thread);
void migrate_passed(struct torture *torture, const struct thread *passing);
void migrate_expire(struct torture *torture);
void migrate_back(struct thread *thread);
void migrate_inherited(const struct thread *parent, struct thread *child);

#endif /* RK_TOOL_TORTURE_TRACED_H */
