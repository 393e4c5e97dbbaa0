/* SPDX-License-Identifier: MIT */
/* refusal.c - prints the most likely reason for which the kernel refuses to trace a process. */
#define _GNU_SOURCE
#include "inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/proc.h"
#include "tool.h"

#define CAPABILITY_TRACE 19 /* CAP_SYS_PTRACE of include/uapi/linux/capability.h */

static bool may_trace_others(void)
{
	char text[64];

	return proc_field(getpid(), "CapEff", text, sizeof(text)) && (strtoull(text, NULL, 16) >> CAPABILITY_TRACE & 1) != 0;
}

int inspect_report_refusal(pid_t pid, pid_t tid)
{
	FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = file != NULL ? fgetc(file) : '0';
	struct proc_status status, own;

	if (file != NULL)
		fclose(file);

	if (proc_status(pid, tid, &status) && status.tracer != 0) {
		complain("process %d is already being traced by process %d, and a process can have only one tracer. "
			 "End process %d first.", (int)pid, (int)status.tracer, (int)status.tracer);
	} else if (scope == '3') {
		complain("not permitted to trace process %d: kernel.yama.ptrace_scope is 3, so even CAP_SYS_PTRACE doesn't help "
			 "until the next boot.", (int)pid);
	} else if (scope > '0') {
		complain("not permitted to trace process %d: kernel.yama.ptrace_scope is %c, so tracing needs CAP_SYS_PTRACE. "
			 "Run as root, or set ptrace_scope to 0.", (int)pid, scope);
	} else if (proc_status(getpid(), getpid(), &own) && own.seccomp != 0) {
		complain("not permitted to trace process %d: this program runs under a seccomp filter, which may refuse ptrace, "
			 "as in a container. Run it without a filter, and as root.", (int)pid);
	} else if (may_trace_others()) {
		complain("not permitted to trace process %d, although this program has CAP_SYS_PTRACE: the process is in another "
			 "user namespace, or a security module protects it.", (int)pid);
	} else {
		complain("not permitted to trace process %d: it belongs to another user or is protected, so tracing needs "
			 "CAP_SYS_PTRACE. Run as root.", (int)pid);
	}
	return EXIT_USAGE;
}
