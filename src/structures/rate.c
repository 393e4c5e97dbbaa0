/* SPDX-License-Identifier: MIT */
/*
 * rate.c - rates from readings of a sum (rseqkit/rate.h). Readings are in two circular lists. The invariant: in each list, times
 * increase, and two neighbours are at least the list's distance apart.
 */
#include <rseqkit/rate.h>

#define FINE (RK_RATE_SECOND / 8)
#define COARSE RK_RATE_SECOND
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void keep(struct rk_rate_reading *list, size_t size, uint64_t *count, int64_t distance,
		 const struct rk_rate_reading *reading)
{
	if (*count == 0 || reading->time - list[(*count - 1) % size].time >= distance)
		list[(*count)++ % size] = *reading;
}

void rk_rate_note(struct rk_rate *rate, int64_t now, int64_t sum)
{
	const struct rk_rate_reading reading = {now, sum};

	if (rate->coarse_count > 0 && now < rate->last.time)
		return;
	rate->last = reading;
	keep(rate->fine, COUNT(rate->fine), &rate->fine_count, FINE, &reading);
	keep(rate->coarse, COUNT(rate->coarse), &rate->coarse_count, COARSE, &reading);
}

/* Narrows [*before, *after], the readings around the time `at`, by the readings of a list. */
static void narrow(const struct rk_rate_reading *list, size_t size, uint64_t count, int64_t at,
		   const struct rk_rate_reading **before, const struct rk_rate_reading **after)
{
	for (uint64_t i = count > size ? count - size : 0; i < count; i++) {
		const struct rk_rate_reading *one = &list[i % size];

		if (one->time <= at && (*before == NULL || one->time > (*before)->time))
			*before = one;
		if (one->time > at && one->time < (*after)->time)
			*after = one;
	}
}

int64_t rk_rate_events(const struct rk_rate *rate, int64_t window, int64_t *covered)
{
	const struct rk_rate_reading *before = NULL, *after = &rate->last, *last = &rate->last;
	int64_t at = last->time - window, from, sum;

	if (rate->coarse_count == 0 || window <= 0) {
		if (covered != NULL)
			*covered = 0;
		return 0;
	}
	narrow(rate->fine, COUNT(rate->fine), rate->fine_count, at, &before, &after);
	narrow(rate->coarse, COUNT(rate->coarse), rate->coarse_count, at, &before, &after);
	from = before != NULL ? at : after->time;
	sum = before != NULL ? before->sum : after->sum;
	if (before != NULL) /* the part of the events between the two readings that is before the window */
		sum += (int64_t)((double)(int64_t)((uint64_t)after->sum - (uint64_t)before->sum) *
				 ((double)(at - before->time) / (double)(after->time - before->time)));
	if (covered != NULL)
		*covered = last->time - from;
	return (int64_t)((uint64_t)last->sum - (uint64_t)sum);
}
