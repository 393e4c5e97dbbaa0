/* SPDX-License-Identifier: MIT */
/*
 * urgent.h - for two processes that take turns at every instruction, one as tracer. If other processes want their CPU
 * too, a fair scheduler gives each of those some milliseconds at each turn. Then a second becomes minutes. So both
 * get a higher priority, if they may.
 */
#ifndef URGENT_H
#define URGENT_H

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * For the calling process and its child; their children don't inherit the priority. Not every libc has a function for
 * this.
 */
static inline void begin_steps(pid_t child)
{
	const struct sched_param param = {.sched_priority = 1};

	(void)syscall(SYS_sched_setscheduler, child, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
	(void)syscall(SYS_sched_setscheduler, 0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

/* Must come before either process waits for another one. */
static inline void end_steps(pid_t child)
{
	const struct sched_param param = {.sched_priority = 0};

	(void)syscall(SYS_sched_setscheduler, child, SCHED_OTHER, &param);
	(void)syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param);
}

#endif /* URGENT_H */
