/* SPDX-License-Identifier: MIT */
/*
 * late_filter.c - preloaded, installs a seccomp filter before main(), as some sandboxes do. By then the initial thread is
 * registered. The filter refuses rseq with EPERM.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int main_function(int argc, char **argv, char **environment);
typedef int start_function(main_function *program, int argc, char **argv, void (*initialise)(void), void (*end)(void),
			   void (*end_linker)(void), void *stack);

static main_function *program_main;

static int sandboxed_main(int argc, char **argv, char **environment)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rseq, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
		_exit(125);
	return program_main(argc, argv, environment);
}

int __libc_start_main(main_function *program, int argc, char **argv, void (*initialise)(void), void (*end)(void),
		      void (*end_linker)(void), void *stack);

int __libc_start_main(main_function *program, int argc, char **argv, void (*initialise)(void), void (*end)(void),
		      void (*end_linker)(void), void *stack)
{
	start_function *next = (start_function *)(uintptr_t)dlsym(RTLD_NEXT, "__libc_start_main");

	program_main = program;
	return next(sandboxed_main, argc, argv, initialise, end, end_linker, stack);
}
