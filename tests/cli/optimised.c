/* SPDX-License-Identifier: MIT */
/*
 * optimised.c - a stand-in for a kernel with the optimised mode: preloaded, it kills a process that sleeps after it
 * wrote to an id in its area. The kernel underneath, in legacy mode, would rewrite the id when the process wakes up.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CPUS_MAX 8192 /* no node or concurrency id is as high */

extern const ptrdiff_t __rseq_offset __attribute__((__weak__)); /* not on every C library */

int nanosleep(const struct timespec *requested, struct timespec *remaining)
{
	const volatile uint32_t *area =
		(const volatile uint32_t *)((uintptr_t)__builtin_thread_pointer() + (uintptr_t)__rseq_offset);
	uint32_t cpu_id_start = area[0], node_id = area[5], mm_cid = area[6];

	if (cpu_id_start > CPUS_MAX || node_id > CPUS_MAX || mm_cid > CPUS_MAX)
		raise(SIGSEGV);
	return (int)syscall(SYS_nanosleep, requested, remaining);
}
