/* SPDX-License-Identifier: MIT */
/* children.c - tests children of each kind. Both the child and, after its end, the parent are checked. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checks.h"

static const char *outcome(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return "no child";
	return WIFSIGNALED(status) ? "the child was killed" : status ? "something is wrong in the child" : NULL;
}

static void *forks(void *unused)
{
	const char *what;
	pid_t pid = fork();

	if (pid == 0)
		_exit(wrong() || in_thread(NULL, thread) || wrong());
	what = outcome(pid);
	return (void *)(what ? what : wrong());
}

const char *test_fork(void)
{
	return forks(NULL);
}

const char *test_fork_of_thread(void)
{
	return in_thread(NULL, forks);
}

const char *test_vfork(void)
{
	static const char *volatile in_child;
	pid_t pid = vfork();

	if (pid == 0) {
		in_child = wrong();
		_exit(0);
	}
	return in_child ? in_child : outcome(pid) ? "the child failed" : wrong();
}

/*
 * The arguments with which children execute this program again. The new program then checks whether its threads are registered.
 */
static char *const image[] = { self, "image", NULL };

static void *execs(void *unused)
{
	const char *what;
	pid_t pid = vfork();

	if (pid == 0) {
		execv(self, image);
		_exit(9);
	}
	__atomic_add_fetch(&report.images, 1, __ATOMIC_SEQ_CST);
	what = outcome(pid);
	return (void *)(what ? what : wrong());
}

const char *test_exec(void)
{
	return execs(NULL);
}

const char *test_exec_of_thread(void)
{
	return in_thread(NULL, execs);
}

const char *test_spawn(void)
{
	const char *what;
	pid_t pid;

	if (posix_spawn(&pid, self, NULL, NULL, image, environ))
		return "no child";
	report.images++;
	what = outcome(pid);
	return what ? what : wrong();
}

const char *test_system(void)
{
	char command[sizeof(path) + 16];

	if (access("/bin/sh", X_OK))
		return "# SKIP there is no shell";
	snprintf(command, sizeof(command), "exec '%s' image", path);
	report.images++;
	return system(command) ? "something is wrong in the child" : wrong();
}

const char *test_popen(void)
{
	char command[sizeof(path) + 16];
	FILE *pipe;

	if (access("/bin/sh", X_OK))
		return "# SKIP there is no shell";
	snprintf(command, sizeof(command), "exec '%s' image", path);
	pipe = popen(command, "r");
	report.images++;
	return !pipe || pclose(pipe) ? "something is wrong in the child" : wrong();
}

static int filter_clone3(int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/*
 * Tests a filter that fails clone3 with ENOSYS, EPERM or ENXIO. Sandboxes return ENOSYS if they don't know clone3, and EPERM if
 * they refuse it. A kernel that has lost the offset returns ENXIO.
 */
const char *test_sandbox(void)
{
	static const int errors[] = { ENOSYS, EPERM, ENXIO };
	const char *what = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(errors) && !what; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(filter_clone3(errors[i]) || in_thread(NULL, thread) || test_c11());
		if (has_ktls())
			report.refused += 2;
		what = outcome(pid);
	}
	return what;
}
