/* SPDX-License-Identifier: MIT */
/*
 * early.c - an early adopter of the public TLS protocol, __rseq_abi, in one of these forms:
 *
 * COUNTED   the protocol of 2018: __rseq_abi and __rseq_refcount, strong and visible. A user changes the count with signals
 *           blocked. The user that changes the count from 0 to 1 registers the thread. The user that changes it from 1 to 0
 *           unregisters the thread.
 * TAGGED    the way of an allocator today (tcmalloc), without a count. A thread is registered if its cpu_id isn't negative.
 *           A pointer overlaps cpu_id_start, which the kernel overwrites when it preempts the thread. If the first thread
 *           can't be registered, the allocator gives up the per-CPU mode. If a later thread can't be registered, the
 *           allocator aborts the process.
 * PLAIN     __rseq_abi without a count; the component that registers a thread also unregisters it.
 * ZEROED    PLAIN before the protocol demanded -1: the area of an unregistered thread reads "CPU 0".
 * ALIAS     COUNTED with __rseq_abi as a weak alias of a hidden object, and a hidden count: a mistake.
 * INSIDE    COUNTED with the count in the area at offset 20: a mistake.
 *
 * Options for these forms:
 *
 * HIDDEN    other modules can't see the symbols. With COUNTED each module has its own area and count: a mistake.
 * MODEL     the TLS model of the area in COUNTED, PLAIN and ZEROED, a string. "initial-exec", the default, finds the area
 *           from the thread pointer; "global-dynamic" finds it by a call, as in a library that can be opened late.
 * MORE      a TLS model for one more TLS variable after the area. Then the area's place depends on the size and the
 *           alignment of all this TLS.
 */
#define _GNU_SOURCE
#include "neighbour.h"

#include <errno.h>
#include <pthread.h>
#include <rseqkit/arch/arch.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

struct abi {
	uint32_t cpu_id_start, cpu_id;
	uint64_t rseq_cs;
	uint32_t flags, inside, padding[2];
} __attribute__((__aligned__(32)));

#ifndef MODEL
#define MODEL "initial-exec"
#endif
#define PRIVATE __attribute__((__tls_model__("initial-exec"), __visibility__("hidden")))
#ifdef HIDDEN
#define PUBLIC PRIVATE
#else
#define PUBLIC __attribute__((__tls_model__(MODEL), __visibility__("default")))
#endif
#ifdef ZEROED
#define UNREGISTERED 0
#else
#define UNREGISTERED UINT32_MAX
#endif

#if defined(COUNTED)
__thread struct abi __rseq_abi PUBLIC = {.cpu_id = UNREGISTERED};
__thread uint32_t __rseq_refcount PUBLIC;
#define AREA __rseq_abi
#define COUNT __rseq_refcount
#elif defined(PLAIN) || defined(ZEROED)
__thread struct abi __rseq_abi PUBLIC = {.cpu_id = UNREGISTERED};
#define AREA __rseq_abi
#elif defined(ALIAS)
__thread struct abi hidden_abi PRIVATE = {.cpu_id = UNREGISTERED};
__thread uint32_t __rseq_refcount PRIVATE;
extern __thread struct abi __rseq_abi __attribute__((__weak__, __alias__("hidden_abi"), __tls_model__("initial-exec")));
#define AREA __rseq_abi
#define COUNT __rseq_refcount
#elif defined(INSIDE)
static __thread struct abi abi __attribute__((__tls_model__("initial-exec"))) = {.cpu_id = UNREGISTERED};
#define AREA abi
#define COUNT (*(volatile uint32_t *)&abi.inside)
#elif defined(TAGGED)
/* The allocator's pointer has 64 bits: its lower half is `below`, and its upper half is cpu_id_start, at the area's beginning. */
static __thread struct {
	char unused[28];
	uint32_t below;
	struct abi abi;
} tagged __attribute__((__aligned__(32), __tls_model__("initial-exec"))) = {.abi = {.cpu_id = UNREGISTERED}};
#ifndef HIDDEN
__asm__(".globl __rseq_abi\n.type __rseq_abi, @tls_object\n.size __rseq_abi, 32\n.set __rseq_abi, tagged + 32\n");
#endif
#define AREA tagged.abi
#endif

#ifdef MORE
static __thread volatile char more[100] __attribute__((__tls_model__(MORE)));
#endif

static int call(int flags)
{
	int saved = errno, r = syscall(SYS_rseq, &AREA, 32, flags, RK_SIGNATURE) == 0 ? 0 : -errno;

#ifdef MORE
	more[0]++;
#endif
	errno = saved;
	return r;
}

static volatile void *area(void)
{
	return &AREA;
}

#if defined(PLAIN) || defined(ZEROED)
#include "owner.h"

static bool take(void)
{
	return call(0) == 0;
}
#else
static int32_t cpu_now(void)
{
	return *(volatile int32_t *)&AREA.cpu_id;
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

	/* EBUSY: another component registered the thread without counting. The protocol forbids that, but it is harmless. */
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
/* The allocator's mode: 0 if none is chosen yet, 1 for the per-CPU mode, 2 if the per-CPU mode was given up. */
static int mode;

static int enter(void)
{
	int expected = 0;
	bool have;

	/*
	 * If cpu_id is -2, an attempt has failed, so don't try again. rk_vfork_begin() also stores -2 in an adopter's
	 * area; see RK_CPU_ID_BRACKET.
	 */
	if (cpu_now() == -2)
		return 0;
	have = cpu_now() >= 0 || call(0) == 0 || cpu_now() >= 0;
	if (__atomic_compare_exchange_n(&mode, &expected, have ? 1 : 2, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return 0;
	if (expected == 1 && !have)
		abort();
	return 0;
}

/* Stores a tagged pointer over cpu_id_start, and waits until a preemption overwrites it with a CPU number. */
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

NEIGHBOUR_CALLS
#endif
