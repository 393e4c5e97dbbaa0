/* SPDX-License-Identifier: MIT */
/* adopter.c - see adopter.h; compiled with -DCOUNTED or -DTAGGED. */
#define _GNU_SOURCE
#include "adopter.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNATURE 0x53053053

struct abi {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
	uint32_t flags, padding[3];
} __attribute__((aligned(32)));

#ifdef COUNTED
__thread struct abi __rseq_abi __attribute__((tls_model("initial-exec"))) = {.cpu_id = UINT32_MAX};
__thread uint32_t __rseq_refcount __attribute__((tls_model("initial-exec")));
#define AREA __rseq_abi
#else
/* The word below the area and the area itself lie together; the pointer's upper half is cpu_id_start. */
static __thread struct {
	char unused[28];
	uint32_t below;
	struct abi abi;
} tagged __attribute__((aligned(32), tls_model("initial-exec"))) = {.abi = {.cpu_id = UINT32_MAX}};
__asm__(".globl __rseq_abi\n.type __rseq_abi, @tls_object\n.size __rseq_abi, 32\n.set __rseq_abi, tagged + 32\n");
#define AREA tagged.abi
#endif

static int call(int flags)
{
	return syscall(SYS_rseq, &AREA, 32, flags, SIGNATURE) == 0 ? 0 : -errno;
}

static int32_t cpu_now(void)
{
	return *(volatile int32_t *)&AREA.cpu_id;
}

#ifdef COUNTED
static void change(int by, int when, int flags, int *result)
{
	sigset_t all, saved;

	*result = 0;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &saved);
	__rseq_refcount += (uint32_t)by;
	if ((int)__rseq_refcount == when)
		*result = call(flags);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
}

bool adopter_enter(void)
{
	int r;

	change(1, 1, 0, &r);
	/* Somebody was faster and hasn't counted: not in the protocol, but harmless. */
	return r == 0 || r == -EBUSY;
}

bool adopter_work(void)
{
	return cpu_now() >= 0;
}

bool adopter_leave(void)
{
	int r;

	change(-1, 0, 1, &r);
	return r == 0;
}

bool adopter_is_fast(void)
{
	return cpu_now() >= 0;
}
#else
/* 0 not chosen, 1 per-CPU, 2 given up. */
static int mode;

bool adopter_enter(void)
{
	bool have = cpu_now() >= 0 || call(0) == 0 || cpu_now() >= 0;
	int expected = 0;

	if (__atomic_compare_exchange_n(&mode, &expected, have ? 1 : 2, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return true;
	if (expected == 1 && !have)
		abort();
	return true;
}

/*
 * Caches a tagged pointer over cpu_id_start; sees it overwritten after it was preempted, and cpu_id_start a CPU
 * again.
 */
bool adopter_work(void)
{
	volatile uint32_t *start = &tagged.abi.cpu_id_start;
	const uint32_t tag = 0x80000000u;

	if (__atomic_load_n(&mode, __ATOMIC_RELAXED) != 1)
		return true;
	*start = tag | 0x1234;
	for (int i = 0; i < 1000000 && (*start & tag) != 0; i++)
		sched_yield();
	return (*start & tag) == 0 && cpu_now() >= 0;
}

bool adopter_leave(void)
{
	return true;
}

bool adopter_is_fast(void)
{
	return __atomic_load_n(&mode, __ATOMIC_RELAXED) == 1;
}
#endif
