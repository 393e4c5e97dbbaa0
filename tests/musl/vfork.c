/* SPDX-License-Identifier: MIT */
/*
 * vfork.c - tests that embed.h, in a program that defines __rseq_abi, refuses to register the vfork child of an unregistered
 * thread.
 */
#define _GNU_SOURCE
#include <rseqkit/embed.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	pid_t pid = vfork();
	int status = 0;

	if (pid == 0)
		_exit(rke_thread_register() == -EAGAIN ? 0 : 1);
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		return 1;
	if (rke_thread_area() != NULL || rke_kernel_has_registration() != 0)
		return 2;
	return rke_thread_register() == 0 && rke_thread_area() != NULL && rke_thread_unregister() == 0 ? 0 : 3;
}
