/* SPDX-License-Identifier: MIT */
/*
 * cpus.c - which CPUs are possible: those whose numbers an area may ever hold.
 *
 * Never the number online, nor what sysconf() makes of it: ids may be sparse, and CPUs come and go. Read once, by raw
 * means, so that a first use in a signal handler works too.
 */
#include "cpus.h"

#include <fcntl.h>
#include <string.h>
#include "kernel.h"

#define BITS (8 * (int)sizeof(unsigned long))

static struct rk_cpus possible;
static int is_read;

static void set_add(struct rk_cpus *cpus, int cpu)
{
	unsigned long bit = 1UL << (cpu % BITS);

	if (cpus->set[cpu / BITS] & bit)
		return;
	cpus->set[cpu / BITS] |= bit;
	cpus->count++;
	if (cpu > cpus->highest)
		cpus->highest = cpu;
}

/* A decimal number; advances *text. Negative errno if there is none or it is too large. */
static int parse_number(const char **text)
{
	int n = 0;

	if (**text < '0' || **text > '9')
		return -EINVAL;
	for (; **text >= '0' && **text <= '9'; (*text)++) {
		n = n * 10 + (**text - '0');
		if (n >= RK_CPUS_MAX)
			return -ERANGE;
	}
	return n;
}

int rk_cpus_parse(const char *text, struct rk_cpus *cpus)
{
	memset(cpus, 0, sizeof(*cpus));
	cpus->highest = -1;
	for (;;) {
		int first = parse_number(&text);
		int last = first;

		if (first < 0)
			return first;
		if (*text == '-') {
			text++;
			last = parse_number(&text);
			if (last < first)
				return last < 0 ? last : -EINVAL;
		}
		for (int cpu = first; cpu <= last; cpu++)
			set_add(cpus, cpu);
		if (*text == '\n')
			text++;
		if (*text == '\0')
			return 0;
		if (*text++ != ',')
			return -EINVAL;
	}
}

static int read_list(struct rk_cpus *cpus)
{
	char text[4096];
	size_t length = 0;
	long r, fd = RK_SYSCALL(SYS_openat, AT_FDCWD, "/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return (int)fd;
	do {
		r = RK_SYSCALL(SYS_read, (int)fd, text + length, sizeof(text) - 1 - length);
		if (r > 0)
			length += (size_t)r;
	} while (r > 0 || r == -EINTR);
	(void)RK_SYSCALL(SYS_close, (int)fd);
	text[length] = '\0';
	return r < 0 ? (int)r : rk_cpus_parse(text, cpus);
}

/* Without /sys: every number the kernel has room for. sched_getaffinity returns the bytes of its own mask. */
static void assume_mask(struct rk_cpus *cpus)
{
	unsigned long mask[RK_CPUS_MAX / (8 * sizeof(unsigned long))];
	long bytes = RK_SYSCALL(SYS_sched_getaffinity, 0, sizeof(mask), mask);

	memset(cpus, 0, sizeof(*cpus));
	cpus->highest = -1;
	/* Refused as well: nothing is known, and everything is possible. */
	if (bytes <= 0 || bytes > (long)sizeof(mask))
		bytes = (long)sizeof(mask);
	for (int cpu = 0; cpu < bytes * 8; cpu++)
		set_add(cpus, cpu);
}

const struct rk_cpus *rk_cpus_get(void)
{
	struct rk_cpus cpus;

	if (RK_LIKELY(__atomic_load_n(&is_read, __ATOMIC_ACQUIRE)))
		return &possible;
	if (read_list(&cpus) < 0)
		assume_mask(&cpus);
	/* Racing threads and nested handlers write the same contents: word by word, without a lock. */
	for (size_t i = 0; i < sizeof(cpus.set) / sizeof(cpus.set[0]); i++)
		__atomic_store_n(&possible.set[i], cpus.set[i], __ATOMIC_RELAXED);
	__atomic_store_n(&possible.count, cpus.count, __ATOMIC_RELAXED);
	__atomic_store_n(&possible.highest, cpus.highest, __ATOMIC_RELAXED);
	__atomic_store_n(&is_read, 1, __ATOMIC_RELEASE);
	return &possible;
}

int rk_cpus_count(void)
{
	return rk_cpus_get()->count;
}

int rk_cpus_next(int after)
{
	const struct rk_cpus *cpus = rk_cpus_get();

	for (int cpu = after < 0 ? 0 : after + 1; cpu <= cpus->highest; cpu++)
		if (cpus->set[cpu / BITS] & (1UL << (cpu % BITS)))
			return cpu;
	return -1;
}
