/* SPDX-License-Identifier: MIT */
/*
 * with_filter.c - runs a program under a seccomp filter, as a container or a sandbox does.
 *
 *	with_filter ANSWER SYSCALL... -- PROGRAM [ARGUMENT...]
 *
 * ANSWER is the filter's action for the named system calls: enosys, eperm, einval, e2big, enomem, nothing (they return 0 without
 * effect), kill (the process), or hang (they never return). A SYSCALL of the form rseq=FLAGS selects only rseq calls with these
 * flags, and rseq=FLAGS:LAST only those of them whose last argument is LAST. Exits with 125 if the filter can't be installed, and
 * with 126 if the program can't be run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALLS_MAX 32
#define PER_CALL 7 /* instructions */
/* Offsets of the lower halves of the third and the fourth argument, on little-endian machines. */
#define THIRD_ARGUMENT ((uint32_t)offsetof(struct seccomp_data, args[2]))
#define FOURTH_ARGUMENT ((uint32_t)offsetof(struct seccomp_data, args[3]))

static const struct {
	const char *name;
	uint32_t action;
} answers[] = {
	{"enosys", SECCOMP_RET_ERRNO | ENOSYS},
	{"eperm", SECCOMP_RET_ERRNO | EPERM},
	{"einval", SECCOMP_RET_ERRNO | EINVAL},
	{"e2big", SECCOMP_RET_ERRNO | E2BIG},
	{"enomem", SECCOMP_RET_ERRNO | ENOMEM},
	{"nothing", SECCOMP_RET_ERRNO | 0},
	{"kill", SECCOMP_RET_KILL_PROCESS},
	{"hang", SECCOMP_RET_USER_NOTIF},
};

static const struct {
	const char *name;
	uint32_t number;
} calls[] = {
	{"unshare", SYS_unshare}, {"getpid", SYS_getpid},       {"rt_sigprocmask", SYS_rt_sigprocmask},
	{"ppoll", SYS_ppoll},     {"nanosleep", SYS_nanosleep}, {"clock_nanosleep", SYS_clock_nanosleep},
#ifdef SYS_poll
	{"poll", SYS_poll},
#else
	{"poll", SYS_ppoll}, /* the C library's poll() calls ppoll */
#endif
	{"rseq", SYS_rseq},     {"membarrier", SYS_membarrier}, {"clone", SYS_clone},
	{"clone3", SYS_clone3}, {"prctl", SYS_prctl},           {"read", SYS_read},
	{"ptrace", SYS_ptrace}, {"process_vm_readv", SYS_process_vm_readv}, {"getdents64", SYS_getdents64},
	{"faccessat", SYS_faccessat}, {"faccessat2", SYS_faccessat2},
#ifdef SYS_access
	{"access", SYS_access},
#else
	{"access", SYS_faccessat}, /* the C library's access() calls faccessat */
#endif
#ifdef SYS_readlink
	{"readlink", SYS_readlink},
#else
	{"readlink", SYS_readlinkat}, /* the C library's readlink() calls readlinkat */
#endif
	{"sched_setaffinity", SYS_sched_setaffinity}, {"sched_getaffinity", SYS_sched_getaffinity},
	{"getrusage", SYS_getrusage}, {"setitimer", SYS_setitimer}, {"gettid", SYS_gettid}, {"wait4", SYS_wait4}, {"uname", SYS_uname},
	{"rt_sigaction", SYS_rt_sigaction}, {"getppid", SYS_getppid}, {"fcntl", SYS_fcntl}, {"memfd_create", SYS_memfd_create},
	{"write", SYS_write},
};

/* Adds instructions for one system call. They expect the call's number in the accumulator, and leave it there. */
static const char *add(struct sock_fprog *program, const char *call, uint32_t action)
{
	const char *flags = strchr(call, '=');
	const char *last = flags != NULL ? strchr(flags, ':') : NULL;
	size_t length = flags != NULL ? (size_t)(flags - call) : strlen(call);
	struct sock_filter *code = program->filter;
	unsigned char more = last != NULL ? 2 : 0; /* instructions for the last argument */
	char *end = NULL;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strlen(calls[i].name) != length || strncmp(call, calls[i].name, length) != 0)
			continue;
		code[program->len++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i].number, 0, flags != NULL ? 4 + more : 1);
		if (flags != NULL) {
			uint32_t number = (uint32_t)strtoul(flags + 1, &end, 0);

			if (calls[i].number != SYS_rseq || flags[1] == '\0' || *end != (last != NULL ? ':' : '\0'))
				return "bad flags in";
			code[program->len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, THIRD_ARGUMENT);
			code[program->len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1 + more);
		}
		if (last != NULL) {
			uint32_t number = (uint32_t)strtoul(last + 1, &end, 0);

			if (last[1] == '\0' || *end != '\0')
				return "bad last argument in";
			code[program->len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FOURTH_ARGUMENT);
			code[program->len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
		}
		code[program->len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action);
		if (flags != NULL)
			code[program->len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
									    offsetof(struct seccomp_data, nr));
		return NULL;
	}
	return "unknown system call";
}

static int fail(const char *what, const char *which)
{
	fprintf(stderr, "with_filter: %s %s\n", what, which);
	return 125;
}

/*
 * For `hang` the filter sends notifications, which are never answered. The program inherits the listener, because the calls
 * would fail if the listener were closed.
 */
static int install(const struct sock_fprog *program, uint32_t action)
{
	unsigned flags = action == SECCOMP_RET_USER_NOTIF ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
	long r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -1;
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
	if (r < 0 || (flags != 0 && fcntl((int)r, F_SETFD, 0) != 0))
		return -1;
	return 0;
}

int main(int argc, char **argv)
{
	struct sock_filter code[PER_CALL * CALLS_MAX + 2];
	struct sock_fprog program = {.filter = code};
	uint32_t action = 0;
	int at = 2;

	for (size_t i = 0; argc > 1 && i < sizeof(answers) / sizeof(answers[0]); i++)
		if (strcmp(argv[1], answers[i].name) == 0)
			action = answers[i].action;
	if (action == 0)
		return fail("unknown answer", argc > 1 ? argv[1] : "");
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (; at < argc && at < CALLS_MAX && strcmp(argv[at], "--") != 0; at++) {
		const char *error = add(&program, argv[at], action);

		if (error != NULL)
			return fail(error, argv[at]);
	}
	code[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (at + 1 >= argc)
		return fail("no program", "");
	if (install(&program, action) != 0)
		return fail("cannot install the filter:", strerror(errno));
	execvp(argv[at + 1], argv + at + 1);
	fprintf(stderr, "with_filter: %s: %s\n", argv[at + 1], strerror(errno));
	return 126;
}
