/* SPDX-License-Identifier: MIT */
/*
 * signals.c - passes SIGTERM and SIGHUP on to the program that `rseqkit torture` (the tool) runs.
 *
 * A signal to the whole process group reaches both the tool and the program, and the program must not get it twice. The tool
 * therefore waits WAIT_S after it got a signal. Then it passes the signal on, unless the program has got the same signal from
 * the same sender in this time, or in the WAIT_S before the tool's signal.
 */
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>

#include "traced.h"

#define WAIT_S 0.1

static const int signals[PASSED_SIGNALS] = {SIGTERM, SIGHUP};

static pid_t sender_of(const siginfo_t *info)
{
	return info->si_code == SI_KERNEL ? 0 : info->si_pid;
}

void signals_got(struct torture *torture, const siginfo_t *info)
{
	for (int i = 0; i < PASSED_SIGNALS; i++)
		if (info->si_signo == signals[i]) {
			torture->passed[i].sender = sender_of(info);
			torture->passed[i].due = traced_now() + WAIT_S;
		}
}

void signals_seen(struct torture *torture, const struct thread *thread, int signal)
{
	siginfo_t info;

	for (int i = 0; i < PASSED_SIGNALS; i++) {
		if (signal != signals[i] || thread->group != torture->first)
			continue;
		memset(&info, 0, sizeof(info));
		if (ptrace(PTRACE_GETSIGINFO, thread->tid, NULL, &info) != 0)
			continue;
		torture->passed[i].seen_from = sender_of(&info);
		torture->passed[i].seen = traced_now();
	}
}

void signals_pass(struct torture *torture)
{
	for (int i = 0; i < PASSED_SIGNALS; i++) {
		struct passed_signal *one = &torture->passed[i];

		if (one->due == 0 || traced_now() < one->due)
			continue;
		if (one->seen == 0 || one->seen_from != one->sender || one->seen < one->due - 2 * WAIT_S)
			kill(torture->first, signals[i]);
		one->due = 0;
	}
}
