/* SPDX-License-Identifier: MIT */
/* refuse.h - system calls that a filter refuses, and the CPU that a thread is bound to. */
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
	/* It may have been taken away, and will be brought back. */
	for (int tries = 0; sched_setaffinity(0, sizeof(set), &set) != 0; tries++) {
		CHECK(errno == EINVAL && tries < 10000);
		usleep(1000);
	}
}

/* One or two system calls fail from now on, in the calling thread. */
static inline void refuse(int first, int second, int error)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)first, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)second, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), (struct sock_filter *)(uintptr_t)code};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
		      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0);
}

#endif /* REFUSE_H */
