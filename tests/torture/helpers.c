/* SPDX-License-Identifier: MIT */
/*
 * helpers.c - a program for tests of `rseqkit torture --inside`. Its malloc() has a critical section of restartable sequences,
 * and the C library starts a thread that blocks all signals. This thread allocates memory for each expiration of a timer. A
 * breakpoint in the section would kill the process, because the thread blocks SIGTRAP.
 *
 * Ends with status 0 if the section has counted each allocation.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <rseqkit/counter.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EXPIRATIONS = 20, PASSES = 1000 };

static struct rk_counter *counter;
static uint64_t counted, expired;
static char room[64 << 20] __attribute__((__aligned__(64)));
static size_t used;

/* The program never reuses memory. The size of each piece is stored before it. */
void *malloc(size_t size)
{
	size_t length = (size + 31) & ~(size_t)15, at = __atomic_fetch_add(&used, length, __ATOMIC_RELAXED);
	struct rk_counter *now = __atomic_load_n(&counter, __ATOMIC_ACQUIRE);

	if (length < size || at + length > sizeof(room))
		return NULL;
	memcpy(room + at, &size, sizeof(size));
	if (now != NULL) {
		rk_counter_add(now, 1);
		__atomic_fetch_add(&counted, 1, __ATOMIC_RELAXED);
	}
	return room + at + 16;
}

void free(void *piece)
{
	(void)piece;
}

void *calloc(size_t count, size_t size)
{
	return size != 0 && count > sizeof(room) / size ? NULL : malloc(count * size);
}

void *realloc(void *piece, size_t size)
{
	void *other = malloc(size);
	size_t before = 0;

	if (piece != NULL)
		memcpy(&before, (char *)piece - 16, sizeof(before));
	if (other != NULL && piece != NULL)
		memcpy(other, piece, before < size ? before : size);
	return other;
}

static void expire(union sigval value)
{
	(void)value;
	__atomic_fetch_add(&expired, 1, __ATOMIC_RELAXED);
}

int main(void)
{
	struct sigevent event;
	const struct itimerspec often = {{0, 1000000}, {0, 1000000}};
	struct rk_counter *mine;
	timer_t timer;

	if (rk_counter_create(&mine) != 0)
		return 2;
	__atomic_store_n(&counter, mine, __ATOMIC_RELEASE);
	for (int i = 0; i < PASSES; i++)
		free(malloc(1));
	memset(&event, 0, sizeof(event));
	event.sigev_notify = SIGEV_THREAD;
	event.sigev_notify_function = expire;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &often, NULL) != 0)
		return 2;
	while (__atomic_load_n(&expired, __ATOMIC_RELAXED) < EXPIRATIONS)
		usleep(1000);
	timer_delete(timer);
	usleep(20000);
	return rk_counter_sum(mine) != (int64_t)__atomic_load_n(&counted, __ATOMIC_RELAXED);
}
