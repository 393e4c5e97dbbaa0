/* SPDX-License-Identifier: MIT */
/*
 * late_filter.c - installs, at run time, a filter that refuses rseq, and then creates threads.
 *
 *	late_filter ERRNO
 *
 * Prints "done" when all threads ran. If no library is preloaded and the libc's tunable is off, all threads always run.
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <threads.h>
#include <unistd.h>

static int ran;

static void *posix(void *argument)
{
	ran++;
	return argument;
}

static int c11(void *argument)
{
	ran++;
	return argument != NULL;
}

/*
 * Creates threads, which have the filter from their first instruction. This function is called in the initial thread, and again
 * in a new thread.
 */
static int create_threads(void *error)
{
	pthread_t thread;
	thrd_t other;

	(void)error;
	if (pthread_create(&thread, NULL, posix, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 1;
	if (thrd_create(&other, c11, NULL) != thrd_success || thrd_join(other, NULL) != thrd_success)
		return 1;
	return 0;
}

static int refuse(unsigned error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rseq, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0;
}

int main(int argc, char **argv)
{
	thrd_t nested;
	int r;

	if (argc != 2 || refuse((unsigned)atoi(argv[1])) != 0)
		return 2;
	if (create_threads(NULL) != 0)
		return 1;
	if (thrd_create(&nested, create_threads, NULL) != thrd_success || thrd_join(nested, &r) != thrd_success || r != 0)
		return 1;
	if (ran != 4 || system("true") != 0)
		return 1;
	puts("done");
	return 0;
}
