/* SPDX-License-Identifier: MIT */
/* steps.c - runs slice_steps.h with pthread mutexes, under `rseqkit exec --slice`. */
#define INSTRUCTIONS_MAX 1500
#define LOCK_TYPE pthread_mutex_t
#define LOCK_INIT PTHREAD_MUTEX_INITIALIZER
#define LOCK pthread_mutex_lock
#define HANDLERS_LOCK pthread_mutex_lock
#define UNLOCK pthread_mutex_unlock
#include "../unit/slice_steps.h"
#include <time.h>

static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static const struct timespec past = {1, 0};

/* A wait for a condition unlocks the mutex, so the request that the lock made is lost. */
static void lose_inside(void)
{
	CHECK(pthread_mutex_lock(&first) == 0);
	CHECK(pthread_cond_timedwait(&condition, &first, &past) == ETIMEDOUT);
	CHECK(pthread_mutex_unlock(&first) == 0);
}

static void take_others(void)
{
	CHECK(pthread_mutex_lock(&others[0]) == 0);
	CHECK(pthread_mutex_lock(&others[1]) == 0);
	CHECK(pthread_mutex_unlock(&others[0]) == 0);
	CHECK(pthread_mutex_unlock(&others[1]) == 0);
}
