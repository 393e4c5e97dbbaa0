/* SPDX-License-Identifier: MIT */
/*
 * clock.c - converts ticks of the processor's clock to nanoseconds of CLOCK_MONOTONIC. The rate of the ticks isn't known.
 *
 * The reader (reader.c) makes passes over the rings with records. If a pass finds a record, it reads both clocks at one moment.
 * The two readings together are called a point.
 * Times between two points are on the straight line between these two, so the clocks don't drift apart, and later ticks never
 * give an earlier time. A duration can be longer than a pass, so it is computed with the average rate since the beginning.
 */
#include "trace.h"

#include <time.h>

struct point {
	uint64_t ticks;
	int64_t time;
};

static struct point first, points[3]; /* the three latest points, oldest first */

static struct point look(void)
{
	struct point best = {0};
	uint64_t shortest = UINT64_MAX;

	for (int i = 0; i < 3; i++) {
		struct timespec now;
		uint64_t before = rk_ring_clock(), took;

		(void)clock_gettime(CLOCK_MONOTONIC, &now);
		took = rk_ring_clock() - before;
		if (took >= shortest)
			continue;
		shortest = took;
		best = (struct point){before + took / 2, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec};
	}
	return best;
}

uint64_t clock_begin(void)
{
	first = points[0] = points[1] = points[2] = look();
	return first.ticks;
}

/*
 * Adds a point. If a clock still has its previous value, adds none. Until the next call, convert only ticks that are older
 * than this point.
 */
void clock_look(void)
{
	struct point now = look();

	if (now.ticks <= points[2].ticks || now.time <= points[2].time)
		return;
	points[0] = points[1];
	points[1] = points[2];
	points[2] = now;
}

static int64_t on_line(const struct point *from, const struct point *to, int64_t ticks)
{
	double rate = to->ticks == from->ticks ? 0 : (double)(to->time - from->time) / (double)(to->ticks - from->ticks);

	return (int64_t)((double)ticks * rate);
}

int64_t clock_time(uint64_t ticks)
{
	const struct point *from = ticks >= points[1].ticks ? &points[1] : &points[0];

	return from->time + on_line(from, from + 1, (int64_t)(ticks - from->ticks));
}

int64_t clock_duration(uint64_t ticks)
{
	return on_line(&first, &points[2], (int64_t)ticks);
}
