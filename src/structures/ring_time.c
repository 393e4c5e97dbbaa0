/* SPDX-License-Identifier: MIT */
/*
 * ring_time.c - converts stamps of a ring's records to nanoseconds (rseqkit/ring.h). The rate of the processor's clock isn't
 * known. Each ring therefore keeps the moment of its creation on both clocks. A later reading and this moment give the rate.
 */
#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <time.h>
#include "os/answer.h"
#include "os/kernel.h"

#define TRIES 5

uint64_t rk_ring_clock(void)
{
	return RK_CLOCK();
}

/*
 * An interrupt between the readings makes them disagree, so this function chooses the readings that took the shortest time.
 */
static struct ring_moment read_clocks(clockid_t clock)
{
	struct ring_moment best = {0};
	uint64_t shortest = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = rk_ring_clock();
		struct timespec now = {0};
		uint64_t took;

		(void)clock_gettime(clock, &now);
		took = rk_ring_clock() - before;
		if (took >= shortest)
			continue;
		shortest = took;
		best = (struct ring_moment){before + took / 2, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec};
	}
	return best;
}

struct ring_moment rk_ring_now(void)
{
	return read_clocks(CLOCK_MONOTONIC);
}

int rk_ring_read_times(const struct rk_ring *ring, struct rk_ring_times *times, size_t size)
{
	struct ring_moment created, now, wall;
	struct rk_ring_times found;

	if (ring == NULL || times == NULL)
		return -EINVAL;
	created = ring_state_of(ring)->created;
	now = read_clocks(CLOCK_MONOTONIC);
	wall = read_clocks(CLOCK_REALTIME);
	found = (struct rk_ring_times){.stamp = now.stamp, .monotonic = now.monotonic, .rate = 0};
	if (now.stamp > created.stamp)
		found.rate = (double)(now.monotonic - created.monotonic) / (double)(now.stamp - created.stamp);
	found.realtime = wall.monotonic - (int64_t)((double)(int64_t)(wall.stamp - now.stamp) * found.rate);
	rk_answer(times, size, &found, sizeof(found));
	return 0;
}

static int64_t since_reading(const struct rk_ring_times *times, uint64_t stamp)
{
	return (int64_t)((double)(int64_t)(stamp - times->stamp) * times->rate);
}

int64_t rk_ring_monotonic(const struct rk_ring_times *times, uint64_t stamp)
{
	return times->monotonic + since_reading(times, stamp);
}

int64_t rk_ring_realtime(const struct rk_ring_times *times, uint64_t stamp)
{
	return times->realtime + since_reading(times, stamp);
}
