/* SPDX-License-Identifier: MIT */
/*
 * judge.h - judges the calling thread's registration by the kernel's answers and by the area. It uses no thread data of a C
 * library.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include <rseqkit/abi.h>
#include <stdbool.h>
#include "raw.h"

/*
 * The place at which the threads of this process must be registered, and functions that return thread id and CPU. The blob is
 * the memory in which a kernel with KTLS keeps data of a thread.
 */
struct place {
	ptrdiff_t offset;  /* of struct rseq, from the thread pointer */
	uint32_t length;   /* length of the registrations */
	long blob;         /* offset of the kernel's blob, the argument of `tid` and `cpu` */
	int (*tid[2])(long blob); /* NULL if no component knows the thread id */
	int (*cpu[2])(long blob);
};

/* The faults of a thread, as bits. */
enum {
	NOT_REGISTERED = 1,
	ELSEWHERE = 2,
	WRONG_CPU = 4,
	WRONG_TID = 8,
	ENDED = 16,   /* a thread or process wasn't judged */
	PARENT = 32,  /* after the life of a child, its parent had other faults than before */
	MISSED = 64,  /* the moment to judge the thread never came */
	BETWEEN = 128 /* the creator, a vfork child, had unexpected faults before or after the life of its own child */
};

#define JUDGE_MASK_BYTES 128
#define JUDGE_CPUS 4

/* The kernel checks for an existing registration (EINVAL) before it checks the address (EFAULT). */
static inline bool judge_has_registration(void)
{
	return raw_rseq((void *)-4096L, 32, 0, RAW_SIGNATURE) == -RAW_EINVAL;
}

/* Unregistering with a wrong signature fails with EPERM only if area and length are those of the registration. */
static inline bool judge_is_registered_at(volatile void *area, uint32_t length)
{
	return raw_rseq(area, length, 1, ~(uint32_t)RAW_SIGNATURE) == -RAW_EPERM && judge_has_registration();
}

static inline bool judge_says_cpu(const struct place *place, unsigned cpu)
{
	const volatile struct rk_area *area = (const volatile struct rk_area *)(raw_thread_pointer() + place->offset);

	if (area->cpu_id != cpu || area->cpu_id_start != cpu)
		return false;
	for (int i = 0; i < 2; i++)
		if (place->cpu[i] != NULL && place->cpu[i](place->blob) != (int)cpu)
			return false;
	return true;
}

/*
 * Looks at the area between two answers of getcpu that agree. Between these answers the thread can leave its CPU and return,
 * so the function reports a fault only if it finds the fault three times.
 */
static inline bool judge_cpu_as_it_is(const struct place *place)
{
	for (int wrong = 0; wrong < 3;) {
		unsigned before = 0, second = 1;
		bool right;

		(void)RAW3(__NR_getcpu, &before, NULL, NULL);
		right = judge_says_cpu(place, before);
		(void)RAW3(__NR_getcpu, &second, NULL, NULL);
		if (right)
			return true;
		wrong += before == second;
	}
	return false;
}

/* Returns true if the area has the contents of an unregistered thread's area. */
static inline bool judge_says_none(const struct place *place)
{
	const volatile struct rk_area *area = (const volatile struct rk_area *)(raw_thread_pointer() + place->offset);

	return (int32_t)area->cpu_id < 0 && area->cpu_id_start == 0;
}

/*
 * Moves the thread to the first JUDGE_CPUS CPUs that it is allowed to use, and judges the CPU number on each. If the kernel
 * didn't update the number, it would be right on one CPU at most.
 */
static inline bool judge_cpu_everywhere(const struct place *place)
{
	unsigned long allowed[JUDGE_MASK_BYTES / 8] = {0};
	long size = RAW3(__NR_sched_getaffinity, 0, sizeof(allowed), allowed);
	bool right = true;

	for (int cpu = 0, seen = 0; cpu < size * 8 && seen < JUDGE_CPUS; cpu++) {
		unsigned long one[JUDGE_MASK_BYTES / 8] = {0};

		if ((allowed[cpu / 64] >> (cpu % 64) & 1) == 0)
			continue;
		one[cpu / 64] = 1UL << (cpu % 64);
		seen++;
		if (RAW3(__NR_sched_setaffinity, 0, sizeof(one), one) == 0 && !judge_says_cpu(place, (unsigned)cpu))
			right = false;
	}
	(void)RAW3(__NR_sched_setaffinity, 0, sizeof(allowed), allowed);
	return right;
}

/*
 * Judges the calling thread. With `thorough`, judges it on several CPUs. The function judges the registration first. If the
 * registration is wrong, the function returns this fault alone.
 */
static inline int judge(const struct place *place, bool thorough)
{
	int faults = 0;

	if (!judge_is_registered_at(raw_thread_pointer() + place->offset, place->length))
		return judge_has_registration() ? ELSEWHERE : NOT_REGISTERED;
	if (!judge_cpu_as_it_is(place) || (thorough && !judge_cpu_everywhere(place)))
		faults |= WRONG_CPU;
	for (int i = 0; i < 2; i++)
		if (place->tid[i] != NULL && place->tid[i](place->blob) != (int)RAW3(__NR_gettid, 0, 0, 0))
			faults |= WRONG_TID;
	return faults;
}

#endif /* JUDGE_H */
