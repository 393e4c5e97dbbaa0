/* SPDX-License-Identifier: MIT */
/* no_configuration.c - a stand-in for kernels before 5.13. Preloaded, it refuses PTRACE_GET_RSEQ_CONFIGURATION. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define PTRACE_REQUEST_RSEQ_CONFIGURATION 0x420f

long ptrace(int request, ...);

long ptrace(int request, ...)
{
	va_list arguments;
	pid_t tid;
	void *address, *data;

	va_start(arguments, request);
	tid = va_arg(arguments, pid_t);
	address = va_arg(arguments, void *);
	data = va_arg(arguments, void *);
	va_end(arguments);
	if (request == PTRACE_REQUEST_RSEQ_CONFIGURATION) {
		errno = EIO;
		return -1;
	}
	return syscall(SYS_ptrace, (long)request, (long)tid, address, data);
}
