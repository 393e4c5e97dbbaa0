/* SPDX-License-Identifier: MIT */
/*
 * loops.c - the loops of all contenders (contenders.h, loops.h), once for every placement. A placement is a copy of a loop at
 * other code addresses.
 *
 * All tables have the same order, so a contender's loop has the same index at every placement.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "contenders.h"

static bool first_use(void)
{
	return rk_thread_register() == 0;
}

static bool bare_use(void)
{
	return bench_bare_register() == 0 && bench_bare_unregister() == 0;
}

/* Like bare_use(), but first makes the system call that this library makes before it registers a thread. */
static bool bare_use_and_one(void)
{
	void *head;
	size_t length;

	return syscall(SYS_get_robust_list, 0, &head, &length) == 0 && bare_use();
}

static uint64_t register_first(uint64_t n)
{
	return bench_in_fresh_threads(n, first_use);
}

static uint64_t register_bare_first(uint64_t n)
{
	return bench_in_fresh_threads(n, bare_use);
}

static uint64_t register_three_first(uint64_t n)
{
	return bench_in_fresh_threads(n, bare_use_and_one);
}

#define PLACEMENT 0
#include "loops.h"
#undef PLACEMENT

#define PLACEMENT 1
#include "loops.h"
#undef PLACEMENT

#define PLACEMENT 2
#include "loops.h"
#undef PLACEMENT

#define PLACEMENT 3
#include "loops.h"
#undef PLACEMENT

#define PLACEMENT 4
#include "loops.h"
#undef PLACEMENT

#define PLACEMENT 5
#include "loops.h"
#undef PLACEMENT

#define PLACEMENT 6
#include "loops.h"
#undef PLACEMENT

#define PLACEMENT 7
#include "loops.h"
#undef PLACEMENT

const struct bench_loop *const bench_loops[BENCH_PLACEMENTS] = {
	loops_at_0, loops_at_1, loops_at_2, loops_at_3, loops_at_4, loops_at_5, loops_at_6, loops_at_7,
};

const unsigned bench_loop_count = sizeof(loops_at_0) / sizeof(loops_at_0[0]);
