/* SPDX-License-Identifier: MIT */
/* ways.h - every way for a thread to come to be; each is judged at its beginning. */
#ifndef WAYS_H
#define WAYS_H

/* What became of it, which children write, too: in memory that processes share. */
struct outcome {
	volatile int judged;       /* how many threads were */
	volatile int faults;       /* bits of judge.h */
	volatile int operation;    /* mode_first_operation() in a thread that wasn't registered */
	volatile bool helped;      /* it was registered behind that */
	const char *volatile skip; /* why this can't be tried here */
};
extern struct outcome *outcome;

#define LOOK_AROUND 256 /* of many threads, one in so many is judged on all CPUs */

/* In the thread to be judged, or with what it found. */
void count_judged(int faults);
void judge_here(bool thorough);
void *judge_as_pthread(void *argument);

/* Threads that no C library made, one after the other. Returns how many are to be judged. */
int run_raw_shortly(int times);

/* Each returns how many threads are to be judged. */
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

/* The program that way_spawn() and way_exec() start: judges itself, and writes the answer. */
void report_to(int fd);

#endif /* WAYS_H */
