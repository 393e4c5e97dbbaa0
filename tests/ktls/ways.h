/* SPDX-License-Identifier: MIT */
/* ways.h - every way to create a thread; each thread is judged at its beginning. */
#ifndef WAYS_H
#define WAYS_H

/* The result of a way. It is in shared memory, because children write it too. */
struct outcome {
	volatile int judged;       /* number of judged threads */
	volatile int faults;       /* bits of judge.h */
	volatile int operation;    /* result of mode_first_operation() in an unregistered thread */
	volatile bool helped;      /* that operation registered the thread */
	const char *volatile skip; /* why this is impossible here */
};
extern struct outcome *outcome;

#define LOOK_AROUND 256 /* with many threads, one in so many is judged on several CPUs */

/* The thread to be judged calls these; count_judged() takes faults that it found before. */
void count_judged(int faults);
void judge_here(bool thorough);
void *judge_as_pthread(void *argument);

/* Runs `times` raw threads, one after the other. Returns the number of threads to be judged. */
int run_raw_shortly(int times);

/* Each returns the number of threads to be judged. */
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

/* Runs in the program that way_spawn() and way_exec() start: judges itself, and writes the answer. */
void report_to(int fd);

#endif /* WAYS_H */
