/* SPDX-License-Identifier: MIT */
/*
 * supervisor.c - counts the calls of rseq(2) while the tests run, by seccomp's notifications. It counts the calls of this
 * program by kind. It counts the calls of other programs that the tests start, such as the shell, without their kinds.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checks.h"

enum { GET, OFFSET, SIG, THREAD, UNREGISTRATION, PROBE, REGISTRATION, OTHER, KINDS };

static const char *const kinds[KINDS] = {
	"KTLS_GET_LAYOUT", "KTLS_SET_OFFSET", "KTLS_SET_SIG", "KTLS_SET_THREAD", "UNREGISTER",
	"UNREGISTER with a wrong signature", "registration", "other",
};

static int kind_of_command(uint32_t command)
{
	switch (command) {
	case KTLS_GET_LAYOUT: return GET;
	case KTLS_SET_OFFSET: return OFFSET;
	case KTLS_SET_SIG: return SIG;
	case KTLS_SET_THREAD: return THREAD;
	default: return OTHER;
	}
}

static int kind_of(const struct seccomp_data *data)
{
	switch (data->args[2]) {
	case FLAG_KTLS: return kind_of_command((uint32_t)data->args[3]);
	case FLAG_UNREGISTER: return (uint32_t)data->args[3] == SIGNATURE ? UNREGISTRATION : PROBE;
	case 0: return REGISTRATION;
	default: return OTHER;
	}
}

static int listen_for_rseq(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rseq, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(code), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static bool is_other_program(pid_t pid)
{
	char link[64], target[sizeof(path)];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	length = readlink(link, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	return strcmp(target, path) != 0;
}

/*
 * The filter also applies to the supervisor: a call of rseq(2) by the supervisor would wait for ever. While it waits
 * for notifications, the supervisor therefore creates no thread and starts no program.
 */
static int supervise(pid_t pid, int listener, long *counts, long *others)
{
	int status = -1;

	for (;;) {
		struct pollfd ready = { listener, POLLIN, 0 };
		struct seccomp_notif call = { 0 };
		struct seccomp_notif_resp answer = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

		if (poll(&ready, 1, 100) == 0) {
			if (waitpid(pid, &status, WNOHANG) == pid)
				return status;
			continue;
		}
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
			continue;
		if (is_other_program(call.pid))
			++*others;
		else
			counts[kind_of(&call.data)]++;
		answer.id = call.id;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

static bool as_expected(const long *counts)
{
	long images = report.images;

	if (counts[REGISTRATION] || counts[OTHER])
		return false;
	if (!has_ktls())
		return counts[GET] == images && !counts[OFFSET] && !counts[SIG] && !counts[THREAD] &&
		       !counts[UNREGISTRATION];
	/* In each program the C library asks for the layout once, and look_at_kernel() asks a second time. */
	return counts[GET] == 2 * images && counts[OFFSET] == images && counts[SIG] == images &&
	       counts[THREAD] == images + report.refused && counts[UNREGISTRATION] == report.detached;
}

int supervised(int tests)
{
	long counts[KINDS] = { 0 }, others = 0;
	int ends[2], listener, status;
	char number[16];
	pid_t pid;

	printf("1..%d\n", tests + 1);
	fflush(stdout);
	listener = listen_for_rseq();
	if (listener < 0 || pipe(ends)) {
		printf("Bail out! no supervisor: %s\n", strerror(errno));
		return 1;
	}
	pid = fork();
	if (pid == 0) {
		snprintf(number, sizeof(number), "%d", ends[1]);
		execl(self, path, "tests", number, NULL);
		_exit(9);
	}
	close(ends[1]);
	status = supervise(pid, listener, counts, &others);
	if (read(ends[0], &report, sizeof(report)) != sizeof(report)) {
		printf("Bail out! the tests did not come to their end: status %#x\n", status);
		return 1;
	}
	printf("# %ld programs, %ld threads that ended detached, %ld that clone3 was refused to\n", report.images,
	       report.detached, report.refused);
	for (int kind = 0; kind < KINDS; kind++)
		if (counts[kind])
			printf("# rseq(2): %ld %s\n", counts[kind], kinds[kind]);
	if (others)
		printf("# rseq(2): %ld calls of other programs\n", others);
	printf("%sok %d - system calls: %s\n", as_expected(counts) ? "" : "not ", tests + 1,
	       has_ktls() ? "four at the start of a program, one at the end of a detached thread, no registration"
			: "one question at the start of a program, no registration");
	return status || !as_expected(counts);
}
