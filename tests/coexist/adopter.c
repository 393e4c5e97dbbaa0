/* SPDX-License-Identifier: MIT */
/* adopter.c - see adopter.h. */
#define _GNU_SOURCE
#include "adopter.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef EMBEDDED
#include <rseqkit/embed.h>

static bool is_fast(void)
{
	return rke_thread_area() != NULL;
}

static int enter(void)
{
	return rke_thread_register();
}

static bool work(void)
{
	return is_fast();
}

static bool leave(void)
{
	return rke_thread_unregister() == 0;
}

static uint32_t users(void)
{
	volatile uint32_t *count = rke_early_users();

	return count == NULL ? 0 : *count;
}

static volatile void *area(void)
{
	return rke_thread_area();
}

#else
#include <rseqkit/arch/arch.h>

struct abi {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
	uint32_t flags, inside, padding[2];
} __attribute__((aligned(32)));

#define PRIVATE __attribute__((tls_model("initial-exec"), visibility("hidden")))
#ifdef HIDDEN
#define PUBLIC PRIVATE
#else
#define PUBLIC __attribute__((tls_model("initial-exec"), visibility("default")))
#endif

#if defined(COUNTED)
__thread struct abi __rseq_abi PUBLIC = {.cpu_id = UINT32_MAX};
__thread uint32_t __rseq_refcount PUBLIC;
#define AREA __rseq_abi
#define COUNT __rseq_refcount
#elif defined(ALIAS)
__thread struct abi hidden_abi PRIVATE = {.cpu_id = UINT32_MAX};
__thread uint32_t __rseq_refcount PRIVATE;
extern __thread struct abi __rseq_abi __attribute__((weak, alias("hidden_abi"), tls_model("initial-exec")));
#define AREA __rseq_abi
#define COUNT __rseq_refcount
#elif defined(INSIDE)
static __thread struct abi abi __attribute__((tls_model("initial-exec"))) = {.cpu_id = UINT32_MAX};
#define AREA abi
#define COUNT (*(volatile uint32_t *)&abi.inside)
#else /* TAGGED */
/* The word below the area and the area itself lie together; the pointer's upper half is cpu_id_start. */
static __thread struct {
	char unused[28];
	uint32_t below;
	struct abi abi;
} tagged __attribute__((aligned(32), tls_model("initial-exec"))) = {.abi = {.cpu_id = UINT32_MAX}};
#ifndef HIDDEN
__asm__(".globl __rseq_abi\n.type __rseq_abi, @tls_object\n.size __rseq_abi, 32\n.set __rseq_abi, tagged + 32\n");
#endif
#define AREA tagged.abi
#endif

static int call(int flags)
{
	int saved = errno, r = syscall(SYS_rseq, &AREA, 32, flags, RK_SIGNATURE) == 0 ? 0 : -errno;

	errno = saved;
	return r;
}

static int32_t cpu_now(void)
{
	return *(volatile int32_t *)&AREA.cpu_id;
}

static volatile void *area(void)
{
	return &AREA;
}

#ifdef COUNT
static int change(int by, int when, int flags)
{
	sigset_t all, saved;
	int r = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &saved);
	COUNT += (uint32_t)by;
	if ((int)COUNT == when)
		r = call(flags);
	pthread_sigmask(SIG_SETMASK, &saved, NULL);
	return r;
}

static int enter(void)
{
	int r = change(1, 1, 0);

	/* Somebody was faster and hasn't counted: not in the protocol, but harmless. */
	return r == -EBUSY ? 0 : r;
}

static bool work(void)
{
	return cpu_now() >= 0;
}

static bool leave(void)
{
	return change(-1, 0, 1) == 0;
}

static bool is_fast(void)
{
	return cpu_now() >= 0;
}

static uint32_t users(void)
{
	return COUNT;
}
#else
/* 0 not chosen, 1 per-CPU, 2 given up. */
static int mode;

static int enter(void)
{
	int expected = 0;
	bool have;

	/* An attempt failed: never again. This is also how an area is closed, see RK_CPU_ID_BRACKET. */
	if (cpu_now() == -2)
		return 0;
	have = cpu_now() >= 0 || call(0) == 0 || cpu_now() >= 0;
	if (__atomic_compare_exchange_n(&mode, &expected, have ? 1 : 2, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return 0;
	if (expected == 1 && !have)
		abort();
	return 0;
}

/*
 * Caches a tagged pointer over cpu_id_start; sees it overwritten after it was preempted, and cpu_id_start a CPU
 * again.
 */
static bool work(void)
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

static bool leave(void)
{
	return true;
}

static bool is_fast(void)
{
	return __atomic_load_n(&mode, __ATOMIC_RELAXED) == 1;
}

static uint32_t users(void)
{
	return 0;
}
#endif
#endif

const struct adopter *adopter_calls(void)
{
	static const struct adopter calls = {enter, work, leave, is_fast, users, area};

	return &calls;
}
