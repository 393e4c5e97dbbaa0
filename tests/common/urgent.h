/* SPDX-License-Identifier: MIT */
/*
 * urgent.h - raises the priority of a tracer and of the process that it single-steps. The two take turns at every
 * instruction. If further processes want the CPU, a fair scheduler gives each of them some milliseconds at each turn. Then a
 * test that needs a second takes minutes, so both processes get a higher priority, if they are allowed to.
 */
#ifndef URGENT_H
#define URGENT_H

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Raises the priority of the calling process and of `child`. Processes that these two create later don't inherit the
 * priority. The function makes the system calls itself, because not every libc has functions for them.
 */
static inline void begin_steps(pid_t child)
{
	const struct sched_param param = {.sched_priority = 1};

	(void)syscall(SYS_sched_setscheduler, child, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
	(void)syscall(SYS_sched_setscheduler, 0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
}

/* Call this before the tracer or the traced process waits for a third process. */
static inline void end_steps(pid_t child)
{
	const struct sched_param param = {.sched_priority = 0};

	(void)syscall(SYS_sched_setscheduler, child, SCHED_OTHER, &param);
	(void)syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &param);
}

#endif /* URGENT_H */
