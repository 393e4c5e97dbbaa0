/* SPDX-License-Identifier: MIT */
/*
 * traced.h - the threads that `rseqkit torture` (the tool) traces.
 *
 * The invariant: while a thread's state is THREAD_RUNNING, the tool makes no ptrace request for it except PTRACE_INTERRUPT. A
 * thread makes at most one single step at a time. A place (space.h) is an instruction in a process.
 */
#ifndef RK_TOOL_TORTURE_TRACED_H
#define RK_TOOL_TORTURE_TRACED_H

#include <sched.h>
#include <signal.h>

#include "space.h"

enum thread_state {
	THREAD_NEW,     /* the thread hasn't stopped yet, or its first stop isn't handled yet, because its parent is unknown */
	THREAD_RUNNING,
	THREAD_STOPPED
};

/* Why a thread makes a single step. */
enum step {
	STEP_NONE,
	STEP_ABORT,  /* the kernel is to abort the section at this step */
	STEP_OVER,   /* the thread passes an instruction of a section whose descriptor doesn't protect the thread */
	STEP_EXTRA   /* the thread passes a breakpoint outside the sections; `extra` says which */
};

struct thread {
	pid_t tid, group;
	struct process *process; /* NULL: not known yet */
	enum thread_state state;
	enum step step;
	struct mapped_insn place;      /* the breakpoint in a section at which the present step, or the last one, began */
	enum extra_kind extra;   /* the breakpoint outside the sections that the thread passes with STEP_EXTRA */
	bool aside;              /* the thread executes a copy of the instruction (extra.c) */
	bool blocks_trap;        /* the program has blocked SIGTRAP in this thread */
	bool blocked_before;     /* the value of blocks_trap before the signal handler that runs now */
	uint64_t handler_stack;  /* the stack pointer before the signal handler that runs now. 0: no handler is known to run */
	bool asleep;             /* the thread was asleep in the kernel when traced_hold() was called, so it wasn't stopped */
	uint64_t switches;       /* how often this sleeping thread had given up its CPU before traced_hold() */
	bool ended;              /* this is its process's first thread, and it has ended before other threads of the process */
	double since;            /* if the thread's parent is unknown: when the thread was first seen */
	bool masked;             /* the tool blocks signals during the step; `mask` is the program's own mask */
	uint64_t mask;
	bool has_status;         /* `status` is a stop that isn't handled yet */
	int status;
	bool moved;              /* the tool allows this thread only one CPU, until its step is over */
	bool sent;               /* the tool keeps this thread on the CPU from which it moved another thread (migrate.c) */
	cpu_set_t cpus;          /* the CPUs that the program allows this thread */
	cpu_set_t narrowed;      /* the set with one CPU that the tool last allowed */
	cpu_set_t single;        /* each CPU that the tool ever allowed as the only one */
	int old_cpu;             /* the CPU from which the tool moved this thread */
	bool waits;              /* stopped until another thread passes on the old CPU, or until the deadline */
	double deadline;
	struct thread *next, *next_in_bucket;
};

enum { TRACED_BUCKETS = 1024, PASSED_SIGNALS = 2 };

/* SIGTERM or SIGHUP, which both the tool and the program may have got; see signals.c. */
struct passed_signal {
	pid_t sender, seen_from; /* the process that last sent the signal to the tool, and to the program; 0: the kernel */
	double due;          /* when the tool passes the signal on to the program; 0: the tool has nothing to pass on */
	double seen;         /* when the program last got the signal itself; 0: never */
};

struct torture {
	const struct torture_settings *settings;
	struct torture_result *result;
	struct thread *threads;
	struct thread *buckets[TRACED_BUCKETS];
	pid_t first;             /* the program's first process */
	bool stopping;           /* the user wants to end the torture */
	bool detaching;          /* the tool is detaching from the program */
	struct passed_signal passed[PASSED_SIGNALS];
};

struct thread *traced_find(const struct torture *torture, pid_t tid);
struct thread *traced_add(struct torture *torture, pid_t tid, pid_t group, struct process *process);
void traced_remove(struct torture *torture, struct thread *thread);

/*
 * traced_go() lets a stopped thread go on until its next stop, and delivers a signal if it isn't 0. traced_step() lets the
 * thread execute one instruction.
 */
void traced_go(struct thread *thread, int signal);
void traced_step(struct thread *thread, enum step step);

/* Lets a thread that is stopped in a section make one step, so that the kernel aborts the section. */
void traced_inject(struct torture *torture, struct thread *thread);

/*
 * When the kernel raises SIGTRAP in a thread that blocks SIGTRAP, it also unblocks SIGTRAP (force_sig() of kernel/signal.c).
 * This function blocks it again.
 */
void traced_block_again(struct thread *thread);

/*
 * Call traced_enter_handler() when a signal is delivered, which can be to a handler. traced_leave_handler() restores
 * blocks_trap if this handler has returned. It finds this out by `stack`, which is the thread's present stack pointer.
 */
void traced_enter_handler(struct thread *thread);
void traced_leave_handler(struct thread *thread, uint64_t stack);

/* Call this when the step is over. Gives the thread its own signal mask back. */
void traced_end_step(struct thread *thread);

/*
 * If the stop `status` reports that `parent` has made a thread or a child process, begins to handle the new thread, and notes the
 * new thread's address space.
 */
void traced_adopt(struct torture *torture, struct thread *parent, int status);

/*
 * traced_adopt() begins to handle a child when the child's parent reports it. A parent that dies first reports nothing, so
 * traced_adopt_orphans() does the same for children that have waited `seconds` for the report. traced_find_children() adds
 * traced children that haven't stopped yet to the list of threads.
 */
void traced_adopt_orphans(struct torture *torture, double seconds);
void traced_find_children(struct torture *torture);

/* Handles the stop or the end of a thread. This call can free `thread`. */
void traced_handle(struct torture *torture, struct thread *thread, int status);

/*
 * hold.c. traced_hold() stops the threads of an address space, except the thread `except`. It notes each stop in thread->status.
 * It doesn't stop a thread that sleeps, because a stop can change how long the thread sleeps. Returns false if a thread couldn't
 * be stopped in time. traced_slept() returns whether none of the sleeping threads has run since traced_hold(). traced_free() lets
 * the threads go on that stopped only for traced_hold().
 */
bool traced_hold(struct torture *torture, const struct thread *except, const struct process *process);
bool traced_slept(const struct torture *torture, const struct thread *except, const struct process *process);
void traced_free(struct torture *torture, const struct thread *except, const struct process *process);

/*
 * A fork or clone that began before its thread was traced makes a child that isn't traced. Waits until the threads of the
 * address space have left such calls, but at most for a moment.
 */
void traced_settle(struct torture *torture, const struct process *process);

/*
 * Waits until each other thread of the address space has ended its step, and has reported a trap that it has already executed.
 * Their stops are noted in thread->status.
 */
void traced_finish(struct torture *torture, const struct thread *except, const struct process *process);

/* Is this a stop that traced_hold() requested? */
bool traced_is_request(int status);

/*
 * Waits until a running thread stops by SIGTRAP. Returns false if the thread stops for another reason, ends, or doesn't stop in
 * time. In the first two cases thread->status is this stop or this end.
 */
bool traced_wait(struct thread *thread);

/* Removes the breakpoints of an address space, and stops tracing its threads. With NULL, does this for all address spaces. */
void traced_detach(struct torture *torture, const struct process *process);

/*
 * Stops tracing a stopped thread, which is a child of vfork(). Removes the breakpoints from the memory that the child shares with
 * its parent. The tool sets them again when the child has ended or has executed a program.
 */
void traced_leave(struct torture *torture, struct thread *thread);

/* Seconds of a clock that never goes back. */
double traced_now(void);

/* extra.c: handles the stop of a thread at a breakpoint outside the sections. */
void extra_reached(struct torture *torture, struct thread *thread, enum extra_kind kind,
		   const struct machine_registers *registers);

/* Call this when the thread has made the step by which it passes the breakpoint thread->extra. */
void extra_left(struct torture *torture, struct thread *thread);

/*
 * threads.c: a thread that executes a copy of an instruction gets the instruction pointer that it would have at the instruction
 * itself.
 */
void extra_put_back(struct thread *thread);

/*
 * signals.c. Call signals_got() when the tool has got a signal, and signals_seen() when a thread is about to get one.
 * signals_pass() passes on the tool's signals that the program hasn't got itself.
 */
void signals_got(struct torture *torture, const siginfo_t *info);
void signals_seen(struct torture *torture, const struct thread *thread, int signal);
void signals_pass(struct torture *torture);

/* spare.c. After this call, no section of the address space is aborted any more. */
enum spare_reason { SPARE_HANDLES, SPARE_IGNORES, SPARE_CLOSED };
void spare_process(struct torture *torture, struct process *process, enum spare_reason reason);

/*
 * Call this when a program begins, or when the tool has attached to it. Spares the process if it handles or ignores SIGTRAP.
 * Notes whether the thread blocks SIGTRAP.
 */
void spare_if_needed(struct torture *torture, struct thread *thread);

/*
 * strike.c. strike() handles the stop of a thread at a breakpoint in a section, and mostly lets the thread make a step. Call
 * strike_after_step() after this step.
 */
void strike(struct torture *torture, struct thread *thread, const struct mapped_insn *place);
void strike_after_step(struct torture *torture, struct thread *thread, enum step step);

/* Call this instead of strike_after_step() if the thread gets a signal before its step is over. */
void strike_interrupted(struct torture *torture, struct thread *thread, enum step step);

/* Call this when the thread has come to the end of a section that rests, to the breakpoint `kind`. The section's rest ends. */
void strike_passed(const struct thread *thread, enum extra_kind kind);

/*
 * Sets the removed breakpoints again that are still wanted. The tool had removed them so that threads reach other instructions
 * of the section. But there may be no thread that ever reaches those instructions.
 */
void strike_again(struct torture *torture);

/*
 * watch.c. watch_store() lets the thread execute the store at which it has stopped, and notes a violation if other threads can
 * see the change. Returns true if the thread has executed the store; then `place` is the next instruction. watch_wants() returns
 * whether the store is still to be watched. watch_may_hold() returns false if the process has a seccomp filter, which can forbid
 * what the kernel does after a stop.
 */
bool watch_wants(const struct torture *torture, const struct mapped_insn *place);
bool watch_store(struct torture *torture, struct thread *thread, struct mapped_insn *place);
bool watch_may_hold(const struct thread *thread);

/*
 * migrate.c. migrate_away() moves the thread to another CPU. It returns true if the thread then waits until another thread passes
 * the section's end. Call migrate_passed() when a thread has come to this end. migrate_expire() ends the waits whose deadline has
 * passed. migrate_back() gives a thread the program's own choice of CPUs again. migrate_inherited() does this for a child that
 * got the CPUs of its parent.
 */
bool migrate_away(struct torture *torture, struct thread *thread);
void migrate_passed(struct torture *torture, const struct thread *passing);
void migrate_expire(struct torture *torture);
void migrate_back(struct thread *thread);
void migrate_inherited(const struct thread *parent, struct thread *child);

#endif /* RK_TOOL_TORTURE_TRACED_H */
