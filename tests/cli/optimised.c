/* SPDX-License-Identifier: MIT */
/*
 * optimised.c - a stand-in for a kernel with optimised mode. Preloaded, it kills a process that stores to an id in its area
 * and then sleeps. The real kernel, in legacy mode, would rewrite the id when the process wakes up.
 *
 * An mprotect() that makes the area read-only only sets a flag, because in optimised mode the kernel doesn't write to the
 * area until the process moves to another CPU. When the process moves, this stand-in kills it.
 *
 * With RK_GUARD_ONLY in the environment the area does become read-only, so the kernel's writes show. rseq_debug in legacy
 * mode shows these writes, too.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CPUS_MAX 8192 /* above all node numbers and concurrency ids */

extern const ptrdiff_t __rseq_offset __attribute__((__weak__)); /* some C libraries lack it */

static bool read_only;

int nanosleep(const struct timespec *requested, struct timespec *remaining)
{
	const volatile uint32_t *area =
		(const volatile uint32_t *)((uintptr_t)__builtin_thread_pointer() + (uintptr_t)__rseq_offset);
	uint32_t cpu_id_start = area[0], node_id = area[5], mm_cid = area[6];

	if (cpu_id_start > CPUS_MAX || node_id > CPUS_MAX || mm_cid > CPUS_MAX)
		raise(SIGSEGV);
	return (int)syscall(SYS_nanosleep, requested, remaining);
}

int mprotect(void *address, size_t size, int protection)
{
	if (protection != PROT_READ || getenv("RK_GUARD_ONLY") != NULL)
		return (int)syscall(SYS_mprotect, address, size, protection);
	read_only = true;
	return 0;
}

int sched_setaffinity(pid_t thread, size_t size, const cpu_set_t *set)
{
	if (read_only)
		raise(SIGSEGV);
	return syscall(SYS_sched_setaffinity, thread, size, set) < 0 ? -1 : 0;
}
