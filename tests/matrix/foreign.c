/* SPDX-License-Identifier: MIT */
/*
 * foreign.c - a component that follows no protocol, behind adopter.h's functions: a private area that reads "CPU 0" before
 * it is registered. Where it is refused it does without; with DEMANDING, unless it wasn't refused before: then it ends
 * the process, as librseq does.
 */
#define _GNU_SOURCE
#include "../coexist/adopter.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNATURE 0x53053053

static __thread struct {
	uint32_t cpu_id_start, cpu_id;
	uint32_t rest[6];
} area __attribute__((aligned(32)));
static __thread bool registered;

static bool call(int flags)
{
	return syscall(SYS_rseq, &area, sizeof(area), flags, SIGNATURE) == 0;
}

static int enter(void)
{
#ifdef DEMANDING
	static bool succeeded;

	if (!registered && !call(0)) {
		if (__atomic_load_n(&succeeded, __ATOMIC_RELAXED))
			abort();
		return 0;
	}
	__atomic_store_n(&succeeded, true, __ATOMIC_RELAXED);
	registered = true;
#else
	registered = registered || call(0);
#endif
	return 0;
}

static bool work(void)
{
	return true;
}

/* Its own thread's end is its own to see to. */
static bool leave(void)
{
	bool right = !registered || call(1);

	registered = false;
	return right;
}

static bool is_fast(void)
{
	return registered;
}

static uint32_t users(void)
{
	return 0;
}

static volatile void *where(void)
{
	return &area;
}

const struct adopter *adopter_calls(void)
{
	static const struct adopter calls = {enter, work, leave, is_fast, users, where};

	return &calls;
}
