/* SPDX-License-Identifier: MIT */
/*
 * ways.h - functions that create threads, one for each way to create a thread. At its beginning, each new thread is judged:
 * judge() checks its registration.
 */
#ifndef WAYS_H
#define WAYS_H

/* The result of a way. It is in shared memory, because children write it too. */
struct outcome {
	volatile int judged;       /* number of judged threads */
	volatile int faults;       /* bits of judge.h */
	volatile int operation;    /* result of mode_first_operation() in an unregistered thread */
	volatile bool helped;      /* true: mode_first_operation() registered the thread */
	const char *volatile skip; /* why this way is impossible on this machine, or NULL */
};
extern struct outcome *outcome;

#define LOOK_AROUND 256 /* if there are many threads, one in LOOK_AROUND is judged on several CPUs */

/* A new thread calls one of these functions. judge_...() judge the thread. count_judged() gets the faults that were found. */
void count_judged(int faults);
void judge_here(bool thorough);
void *judge_as_pthread(void *argument);

/* Runs `times` raw threads (made by no C library), one after the other. Returns how many threads should have been judged. */
int run_raw_shortly(int times);

/* Each way returns the number of threads that should have been judged. */
int way_initial(void);
int way_pthread(void);
int way_c11(void);
int way_clone3(void);
int way_clone(void);
int way_borrowed(void);
int way_fork(void);
int way_fork_in_thread(void);
int way_vfork(void);
int way_vfork_in_thread(void);
int way_nested_vfork(void);
int way_spawn(void);
int way_exec(void);
int way_exec_in_thread(void);
int way_timer(void);
int way_namespace(void);
int way_signal(void);
int way_signal_pthread(void);
int way_many(void);

/* Runs in the program that way_spawn() and way_exec() start: judges the initial thread, and writes its faults to `fd`. */
void report_to(int fd);

#endif /* WAYS_H */
