/* SPDX-License-Identifier: MIT */
/*
 * urgent.h - two processes that take turns at every instruction, one as tracer. Where others want their CPU as well, a fair
 * scheduler lets each of those have it for some milliseconds at each turn, and a second becomes minutes. So both have
 * precedence, if they may.
 */
#ifndef URGENT_H
#define URGENT_H

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The calling process and its child; their children don't inherit it. Not every libc has a function for it. */
static inline void begin_steps(pid_t child)
{
	const struct sched_param param = {.sched_priority = 1};

	(void)syscall(SYS_sched_setscheduler, child, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
	(void)syscall(SYS_sched_setscheduler, 0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

/* Before either waits for anybody else. */
static inline void end_steps(pid_t child)
{
	const struct sched_param param = {.sched_priority = 0};

	(void)syscall(SYS_sched_setscheduler, child, SCHED_OTHER, &param);
	(void)syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param);
}

#endif /* URGENT_H */
