/* SPDX-License-Identifier: MIT */
/*
 * optimised.c - a stand-in for a kernel with optimised mode. Preloaded, it kills a process that stores to an id in the process's
 * area and then sleeps. The real kernel, in legacy mode, would rewrite the id when the process wakes up.
 *
 * If the process makes its area read-only, the stand-in's mprotect() only sets a flag. The reason: in optimised mode the kernel
 * doesn't write to the area until the process moves to another CPU. When the process calls sched_setaffinity() to move, the
 * stand-in kills it.
 *
 * If RK_GUARD_ONLY is in the environment, mprotect() does make the area read-only, so the process notices the kernel's writes.
 * The process would also notice them on a kernel in legacy mode with rseq_debug, which is what RK_GUARD_ONLY imitates.
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

extern const ptrdiff_t __rseq_offset __attribute__((__weak__)); /* some C libraries lack this symbol */

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
