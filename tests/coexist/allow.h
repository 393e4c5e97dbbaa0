/* SPDX-License-Identifier: MIT */
/* allow.h - a filter that kills for every system call but those of up to three lists, each of which ends with -1. */
#ifndef ALLOW_H
#define ALLOW_H

#include "../unit/test.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#define CALLS_MAX 24

static size_t add_call(struct sock_filter *code, size_t n, int call)
{
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return n;
}

/* From here on this thread may make these calls, and end the process. */
static void allow_only(const int *list, const int *more, const int *most)
{
	const int *const lists[] = {list, more, most};
	struct sock_filter code[2 * CALLS_MAX + 4];
	struct sock_fprog program = {0, code};
	size_t n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	n = add_call(code, n, SYS_exit_group);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const int *call = lists[i]; call != NULL && *call >= 0; call++)
			n = add_call(code, n, *call);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	program.len = (unsigned short)n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		_exit(99);
}

#endif /* ALLOW_H */
