/* SPDX-License-Identifier: MIT */
/*
 * rseq_state.c - prints the state of rseq on this machine, without any code of this project. "libc": the libc registers threads.
 * "kernel": the kernel has rseq, but the libc doesn't register threads. "none": the kernel has no rseq.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "quiet.h"

extern const unsigned int __rseq_size __attribute__((__weak__));

int main(void)
{
	uintptr_t kernel_space = -(uintptr_t)4096;

	if (&__rseq_size != NULL && __rseq_size != 0)
		puts("libc");
	else if (syscall(quiet_rseq(), kernel_space, 32, 0, 0) < 0 && errno == EFAULT)
		puts("kernel");
	else
		puts("none");
	return 0;
}
