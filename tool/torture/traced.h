/* SPDX-License-Identifier: MIT */
/*
 * traced.h - the threads that are traced.
 *
 * The invariant: to a thread whose state is THREAD_RUNNING, the tool makes no request of ptrace except PTRACE_INTERRUPT. A
 * thread makes at most one step at a time; `place` is the breakpoint at which the step began.
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
	STEP_ABORT,  /* the section is to be aborted */
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
	bool blocked_before;     /* blocks_trap, before the signal handler that runs now */
	uint64_t handler_stack;  /* the stack pointer before the handler that runs now. 0: the tool knows of none */
	bool asleep;             /* the thread was asleep in the kernel at traced_hold(), which didn't stop it */
	uint64_t switches;       /* how often it had given up its CPU by then. If the number is the same now, it hasn't run */
	bool ended;              /* the first thread has ended, and stays until the others have ended, too */
	double since;            /* when a thread with an unknown parent was first seen */
	bool masked;             /* during the step, signals are blocked; `mask` is the program's own mask */
	uint64_t mask;
	bool has_status;         /* a stop that isn't handled yet */
	int status;
	bool moved;              /* the tool allows this thread only one CPU, until its step is over */
	bool sent;               /* the tool moved this thread to the CPU from which it took another, which still waits */
	cpu_set_t cpus;          /* the CPUs that the program allows this thread */
	cpu_set_t narrowed;      /* the set with one CPU that the tool last allowed */
	cpu_set_t single;        /* each CPU that the tool ever allowed as the only one */
	int old_cpu;             /* the CPU from which the tool moved this thread */
	bool waits;              /* stopped until another thread passes on the old CPU, or until the deadline */
	double deadline;
	struct thread *next, *next_in_bucket;
};

enum { TRACED_BUCKETS = 1024, PASSED_SIGNALS = 2 };

/* A signal that possibly both the tool and the program got. */
struct passed_signal {
	pid_t sender, seen_from; /* 0: the kernel */
	double due;          /* when the tool passes the signal on to the program; 0: the tool has none to pass on */
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

/* Lets a thread that stands in a section go on. This aborts the section, and the thread's next stop shows it. */
void traced_inject(struct torture *torture, struct thread *thread);

/*
 * When the kernel raises SIGTRAP in a thread that blocks SIGTRAP, it also unblocks SIGTRAP (force_sig() of kernel/signal.c).
 * This function blocks it again.
 */
void traced_block_again(struct thread *thread);

/*
 * Call traced_enter_handler() when a signal is delivered, possibly to a handler. traced_leave_handler() restores blocks_trap if
 * this handler has returned. It finds this out by `stack`, which is the thread's present stack pointer.
 */
void traced_enter_handler(struct thread *thread);
void traced_leave_handler(struct thread *thread, uint64_t stack);

/* The step is over: the thread gets its own mask of signals back. */
void traced_end_step(struct thread *thread);

/*
 * If the stop says that the thread has made another thread or a child process, takes over the new thread, and notes its address
 * space.
 */
void traced_adopt(struct torture *torture, struct thread *parent, int status);

/*
 * traced_adopt() takes over a child when its parent reports it. traced_adopt_orphans() takes over the children that have waited
 * `seconds` for this report, because their parents died first. traced_find_children() adds children that haven't stopped yet.
 */
void traced_adopt_orphans(struct torture *torture, double seconds);
void traced_find_children(struct torture *torture);

/* Handles the stop or the end of a thread. This call possibly frees `thread`. */
void traced_handle(struct torture *torture, struct thread *thread, int status);

/*
 * hold.c. traced_hold() stops the threads of an address space except one, and keeps their stops for later. It doesn't stop a
 * thread that sleeps, because a stop can change how long the thread sleeps. Returns false if a thread couldn't be stopped in
 * time. traced_slept() returns whether none of the sleeping threads has run since traced_hold(). traced_free() lets the threads
 * that stopped only for traced_hold() go on.
 */
bool traced_hold(struct torture *torture, const struct thread *except, const struct process *process);
bool traced_slept(const struct torture *torture, const struct thread *except, const struct process *process);
void traced_free(struct torture *torture, const struct thread *except, const struct process *process);

/*
 * A fork or clone that began before its thread was traced makes a child that isn't traced. Waits until the threads of the
 * address space have left such calls, but at most for a moment.
 */
void traced_settle(struct torture *torture, const struct process *process);

/* Returns when the other threads of the address space have reported the traps that they have met, and have ended their steps. */
void traced_finish(struct torture *torture, const struct thread *except, const struct process *process);

/* Is this a stop that traced_hold() requested? */
bool traced_is_request(int status);

/*
 * Waits until a thread that was let go stops by SIGTRAP. Returns false if the thread stops for another reason, ends, or doesn't
 * stop in time. `status` has the other reason or the end.
 */
bool traced_wait(struct thread *thread);

/* Stops tracing the threads of an address space, or with NULL all threads. Leaves no breakpoint there. */
void traced_detach(struct torture *torture, const struct process *process);

/*
 * Stops tracing a stopped thread, which is a child of vfork(). Its parent gets the breakpoints back when the child has ended,
 * or has executed a program.
 */
void traced_leave(struct torture *torture, struct thread *thread);

/* Seconds of a clock that never goes back. */
double traced_now(void);

/* extra.c: a thread has come to a breakpoint outside the sections. */
void extra_reached(struct torture *torture, struct thread *thread, enum extra_kind kind,
		   const struct machine_registers *registers);

/* pass.c. extra_pass() lets the thread execute the instruction at its breakpoint `extra`. extra_left(): this step is over. */
void extra_pass(struct torture *torture, struct thread *thread);
void extra_left(struct torture *torture, struct thread *thread);

/* threads.c: moves a thread from the copy of an instruction to the instruction itself, or to the end of the instruction. */
void extra_put_back(struct thread *thread);

/*
 * signals.c. signals_got(): the tool has got a signal, which is possibly for the program. signals_seen(): a thread is about to
 * get a signal. signals_pass() passes on the signals that the program hasn't got itself.
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

/* strike.c. strike(): a thread has come to a breakpoint in a section. strike_after_step(): the thread has made its step. */
void strike(struct torture *torture, struct thread *thread, const struct place *place);
void strike_after_step(struct torture *torture, struct thread *thread, enum step step);

/* The thread gets a signal before its step is over. */
void strike_interrupted(struct torture *torture, struct thread *thread, enum step step);

/* The thread has passed the end of a section that rests. */
void strike_passed(const struct thread *thread, enum extra_kind kind);

/*
 * Sets the removed breakpoints again that are still wanted. They were to stay away until threads had reached other instructions
 * of the section, but possibly no thread ever does.
 */
void strike_again(struct torture *torture);

/*
 * watch.c. watch_store() lets the thread execute the store at which it stands, and notes a violation if other threads can see
 * the change. Returns true if the thread has executed the store; then `place` is the next instruction. watch_wants() says
 * whether the store is still to be watched. watch_may_hold() returns false if a filter of system calls forbids that threads are
 * stopped.
 */
bool watch_wants(const struct torture *torture, const struct place *place);
bool watch_store(struct torture *torture, struct thread *thread, struct place *place);
bool watch_may_hold(const struct thread *thread);

/*
 * migrate.c. migrate_away() moves the thread to another CPU. Returns true if the thread has to wait for another thread.
 * migrate_passed(): a thread has come to the end of a section. migrate_expire() ends the waits that are over. migrate_back()
 * gives a thread the program's own choice of CPUs again. migrate_inherited() does this for a child that got the CPUs of its
 * parent.
 */
bool migrate_away(struct torture *torture, struct thread *thread);
void migrate_passed(struct torture *torture, const struct thread *passing);
void migrate_expire(struct torture *torture);
void migrate_back(struct thread *thread);
void migrate_inherited(const struct thread *parent, struct thread *child);

#endif /* RK_TOOL_TORTURE_TRACED_H */
