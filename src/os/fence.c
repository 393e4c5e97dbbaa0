/* SPDX-License-Identifier: MIT */
/*
 * fence.c - fences (rseqkit/remote.h). After a fence, all critical sections that ran on other CPUs before the fence have ended
 * or been aborted.
 *
 * If the kernel has membarrier(2), this file uses it: membarrier(2) interrupts the CPUs that run this process, and an
 * interrupt inside a section aborts the section. Otherwise the calling thread visits each CPU. When the calling thread runs
 * on a CPU, the thread that ran there before has been preempted, and the preemption has aborted that thread's section.
 *
 * A process has to be registered for this use of membarrier(2). While the process has one thread, the kernel registers it at
 * once. If the process has several threads, the kernel waits until all CPUs have noticed the registration. No constructor
 * registers the process. Most programs need no fence, and a seccomp filter that kills the process for this system call can be
 * active from the start.
 */
#define _GNU_SOURCE
#include <rseqkit/remote.h>

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include "fence.h"
#include "kernel.h"
#include "cpus.h"

/* Linux 5.10 and later have these (include/uapi/linux/membarrier.h). */
#define FENCE (1 << 7)    /* MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ */
#define REGISTER (1 << 8) /* MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ */
#define ONE_CPU 1         /* MEMBARRIER_CMD_FLAG_CPU */

/* Linux 4.14 and later have these (include/uapi/linux/membarrier.h). */
#define MEMORY_FENCE (1 << 3)    /* MEMBARRIER_CMD_PRIVATE_EXPEDITED */
#define MEMORY_REGISTER (1 << 4) /* MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED */

#define VISITS 20 /* attempts to run on a CPU: another thread can change the calling thread's affinity meanwhile */

#define BITS (8 * (int)sizeof(unsigned long))

struct mask {
	unsigned long bits[RK_CPUS_MAX / BITS];
};

static bool has_cpu(const void *set, size_t bytes, int cpu)
{
	size_t byte = (size_t)cpu / 8;

	/* A set is an array of words. On a big-endian machine, the lowest bit of a word is in the word's last byte. */
	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		byte ^= sizeof(unsigned long) - 1;
	return byte < bytes && ((const unsigned char *)set)[byte] >> (cpu % 8) & 1;
}

int rk_fence_prepare(void)
{
	long r = RK_SYSCALL(SYS_membarrier, REGISTER, 0, 0);

	return r == -EINVAL ? -ENOSYS : (int)r;
}

/* Calls membarrier(2). If the process isn't registered for it, registers the process first. */
static long kernel_fence(unsigned flags, int cpu)
{
	long r = RK_SYSCALL(SYS_membarrier, FENCE, flags, cpu);

	if (r == -EPERM && rk_fence_prepare() == 0)
		r = RK_SYSCALL(SYS_membarrier, FENCE, flags, cpu);
	return r;
}

/*
 * Returns whether the CPU is offline, so that no thread runs there. If the list of online CPUs can't be read, every CPU
 * counts as online.
 */
__attribute__((__noinline__)) static bool is_offline(int cpu)
{
	struct rk_cpus online;

	return rk_cpus_read("/sys/devices/system/cpu/online", &online) == 0 && !rk_cpus_has(&online, cpu);
}

/* Returns whether the calling thread is on this CPU. While the calling thread runs there, no other thread runs there. */
static bool arrived_on(int cpu)
{
	unsigned here = UINT_MAX;

	return RK_SYSCALL(SYS_getcpu, &here, NULL, NULL) == 0 && here == (unsigned)cpu;
}

static bool has_only(const struct mask *mask, long length, int cpu)
{
	for (long word = 0; word < length / (long)sizeof(long); word++)
		if (mask->bits[word] != (word == cpu / BITS ? 1UL << (cpu % BITS) : 0))
			return false;
	return true;
}

/*
 * Moves the calling thread to the CPU and back. If another thread has set another affinity meanwhile, that affinity stays.
 * Returns false if the thread didn't arrive. *allowed becomes false if the kernel refused the move.
 */
static bool go_to(int cpu, bool *allowed)
{
	struct mask saved, only;
	long length;
	bool arrived;

	memset(&saved, 0, sizeof(saved));
	length = RK_SYSCALL(SYS_sched_getaffinity, 0, sizeof(saved), &saved);
	memset(&only, 0, sizeof(only));
	only.bits[cpu / BITS] = 1UL << (cpu % BITS);
	*allowed = length >= 0 && RK_SYSCALL(SYS_sched_setaffinity, 0, sizeof(only), &only) == 0;
	if (!*allowed)
		return false;
	arrived = arrived_on(cpu);
	length = RK_SYSCALL(SYS_sched_getaffinity, 0, sizeof(only), &only);
	if (length < 0 || has_only(&only, length, cpu))
		(void)RK_SYSCALL(SYS_sched_setaffinity, 0, sizeof(saved), &saved); /* the bytes after the kernel's mask are 0 */
	return arrived;
}

__attribute__((__noinline__)) static int visit(int cpu)
{
	bool allowed = true;

	for (int i = 0; i < VISITS && allowed; i++)
		if (go_to(cpu, &allowed))
			return 0;
	return is_offline(cpu) ? 0 : -EHOSTUNREACH;
}

int rk_fence_cpu(int cpu)
{
	if (!rk_cpus_has(rk_cpus_get(), cpu))
		return -EINVAL; /* membarrier(2) would return 0 for a CPU that doesn't exist */
	return kernel_fence(ONE_CPU, cpu) == 0 ? 0 : visit(cpu);
}

int rk_fence_cpus(const void *set, size_t bytes)
{
	int result = 0;

	if (set == NULL)
		return -EINVAL;
	for (size_t cpu = 0; cpu < 8 * bytes; cpu++)
		if (cpu < RK_CPUS_MAX ? has_cpu(set, bytes, (int)cpu) && !rk_cpus_has(rk_cpus_get(), (int)cpu) :
					((const unsigned char *)set)[cpu / 8] != 0)
			return -EINVAL;
	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		int r = has_cpu(set, bytes, cpu) ? rk_fence_cpu(cpu) : 0;

		result = r < 0 ? r : result;
	}
	return result;
}

static int visit_all(void)
{
	int result = 0;

	for (int cpu = rk_cpus_next(-1); cpu >= 0; cpu = rk_cpus_next(cpu)) {
		int r = visit(cpu);

		result = r < 0 ? r : result;
	}
	return result;
}

int rk_fence_all(void)
{
	return kernel_fence(0, 0) == 0 ? 0 : visit_all();
}

int rk_fence_memory(void)
{
	long r = RK_SYSCALL(SYS_membarrier, MEMORY_FENCE, 0, 0);

	if (r == -EPERM && RK_SYSCALL(SYS_membarrier, MEMORY_REGISTER, 0, 0) == 0)
		r = RK_SYSCALL(SYS_membarrier, MEMORY_FENCE, 0, 0);
	return r == 0 ? 0 : visit_all(); /* a switch to another thread is a memory fence, too */
}
