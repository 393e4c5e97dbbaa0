/* SPDX-License-Identifier: MIT */
/*
 * judge.h - what the calling thread has, in the kernel's own words and by looking at its area, without any of its C
 * library's thread data.
 */
#ifndef JUDGE_H
#define JUDGE_H

#include <rseqkit/abi.h>
#include <stdbool.h>
#include "raw.h"

/* Where the threads of this process are to be registered, and what to ask besides. */
struct place {
	ptrdiff_t offset;  /* of struct rseq, from the thread pointer */
	uint32_t length;   /* that threads are registered with */
	long blob;         /* offset of the kernel's blob, for the functions */
	int (*tid[2])(long blob); /* NULL where nobody keeps the thread id */
	int (*cpu[2])(long blob);
};

/* What can be wrong with a thread: bits. */
enum {
	NOT_REGISTERED = 1,
	ELSEWHERE = 2,
	WRONG_CPU = 4,
	WRONG_TID = 8,
	ENDED = 16,   /* a thread or process that was to be judged wasn't */
	PARENT = 32,  /* it did harm to who created it */
	MISSED = 64,  /* the moment that was to be judged never came */
	BETWEEN = 128 /* who created it wasn't what such threads are, before that or behind it */
};

#define JUDGE_MASK_BYTES 128
#define JUDGE_CPUS 4

/* The kernel looks at "already registered", EINVAL, before it looks at the address, EFAULT. */
static inline bool judge_has_registration(void)
{
	return raw_rseq((void *)-4096L, 32, 0, RAW_SIGNATURE) == -RAW_EINVAL;
}

/* A registration isn't undone with a wrong signature: EPERM, but only exactly where the thread is registered. */
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

/* A look between two of the kernel's answers that agree. The thread may come back in between: three in a row, then. */
static inline bool judge_cpu_as_it_is(const struct place *place)
{
	for (int wrong = 0; wrong < 3;) {
		unsigned before = 0, behind = 1;
		bool right;

		(void)RAW3(__NR_getcpu, &before, NULL, NULL);
		right = judge_says_cpu(place, before);
		(void)RAW3(__NR_getcpu, &behind, NULL, NULL);
		if (right)
			return true;
		wrong += before == behind;
	}
	return false;
}

/* Of a thread that isn't registered: would who looks at its area know? */
static inline bool judge_says_none(const struct place *place)
{
	const volatile struct rk_area *area = (const volatile struct rk_area *)(raw_thread_pointer() + place->offset);

	return (int32_t)area->cpu_id < 0 && area->cpu_id_start == 0;
}

/* On each of the CPUs that the thread may use, the first few: numbers that nobody updates are right on one at most. */
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

/* Judges the calling thread; `thorough`, on all CPUs. The registration comes first, before anything has happened. */
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
