/* SPDX-License-Identifier: MIT */
/* Runs the test of slice_steps.h on rk_mutex. */
#define INSTRUCTIONS_MAX 700
#include "interrupt.h"
#include <rseqkit/mutex.h>
#define LOCK_TYPE struct rk_mutex
#define LOCK_INIT RK_MUTEX_INIT
#define LOCK rk_mutex_lock
#define HANDLERS_LOCK rk_mutex_lock_try
#define UNLOCK rk_mutex_unlock
#include "slice_steps.h"

/* Clears the request, as the kernel does when the thread waits or makes a system call. */
static void lose_inside(void)
{
	CHECK(rk_mutex_lock(&first) == 0);
	*fake.control = 0;
	CHECK(rk_mutex_unlock(&first) == 0);
}

static void take_others(void)
{
	CHECK(rk_mutex_lock_try(&others[0]) == 0);
	CHECK(rk_mutex_unlock(&others[0]) == 0);
}
