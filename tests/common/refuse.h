/* SPDX-License-Identifier: MIT */
/* refuse.h - functions that install seccomp filters, and functions that bind a thread to CPUs. */
#ifndef REFUSE_H
#define REFUSE_H

#include "test.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>

static inline void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	/* If the CPU is offline, waits up to ten seconds until it comes back. */
	for (int tries = 0; sched_setaffinity(0, sizeof(set), &set) != 0; tries++) {
		CHECK(errno == EINVAL && tries < 10000);
		usleep(1000);
	}
}

/* Finds two CPUs that this process is allowed to use. Returns false if there is only one. */
static inline bool two_cpus(int cpus[2])
{
	cpu_set_t allowed;
	int found = 0;

	CHECK(sched_getaffinity(0, sizeof(allowed), &allowed) == 0);
	for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			cpus[found++] = cpu;
	return found == 2;
}

/* Installs the filter in the calling thread, or in all threads if `flags` is SECCOMP_FILTER_FLAG_TSYNC. */
static inline void install_filter(const struct sock_filter *code, size_t length, unsigned flags)
{
	struct sock_fprog program = {(unsigned short)length, (struct sock_filter *)(uintptr_t)code};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0);
}

/* From now on, if a thread makes one of these two system calls, the kernel takes `action` and doesn't run the call. */
static inline void filter_calls(int first, int second, uint32_t action, unsigned flags)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)first, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)second, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	install_filter(code, sizeof(code) / sizeof(code[0]), flags);
}

/* Makes the system calls `first` and `second` fail with `error`, in the calling thread. */
static inline void refuse(int first, int second, int error)
{
	filter_calls(first, second, SECCOMP_RET_ERRNO | (uint32_t)error, 0);
}

#define CALLS_MAX 24

static inline size_t add_call(struct sock_filter *code, size_t n, int call)
{
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return n;
}

/*
 * Allows exit_group(2) and the calls in up to three lists. Each list ends with -1. Every other call kills the
 * process.
 */
static inline void allow_only(const int *some, const int *more, const int *most, unsigned flags)
{
	const int *const lists[] = {some, more, most};
	struct sock_filter code[2 * CALLS_MAX + 4];
	size_t n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	n = add_call(code, n, SYS_exit_group);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const int *call = lists[i]; call != NULL && *call >= 0; call++)
			n = add_call(code, n, *call);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	install_filter(code, n, flags);
}

#endif /* REFUSE_H */
