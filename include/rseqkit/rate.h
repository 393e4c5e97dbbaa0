/* SPDX-License-Identifier: MIT */
/*
 * rate.h - rates: how many events there were in the last second, the last minute. The reader computes them from its readings of a
 * counter, so adds to the counter cost nothing more. The functions work on any sum, not only on counters of this library.
 *
 *	static struct rk_rate rate;    // zeros: no reading yet
 *	int64_t covered, events;
 *
 *	rk_rate_note(&rate, now, rk_counter_sum(requests));       // once a second, or at each request for statistics
 *	events = rk_rate_events(&rate, 60 * RK_RATE_SECOND, &covered);
 *	per_second = covered > 0 ? (double)events * RK_RATE_SECOND / (double)covered : 0;
 */
#ifndef RSEQKIT_RATE_H
#define RSEQKIT_RATE_H

#include <rseqkit/api.h>
#include <stddef.h>
#include <stdint.h>

#define RK_RATE_SECOND INT64_C(1000000000) /* nanoseconds */

/*
 * The readings. The program provides the memory, and fills it with zeros at first; the members are private. `fine` has readings
 * that are at least an eighth of a second apart, and `coarse` has readings that are at least a second apart.
 */
struct rk_rate_reading {
	int64_t time, sum;
};

struct rk_rate {
	uint64_t fine_count, coarse_count;
	struct rk_rate_reading last, fine[16], coarse[64];
};

RKI_BEGIN_DECLS

/*
 * Notes a reading: at the time `now`, the sum of all events was `sum`.
 *
 * Parameters: `now` is in nanoseconds of a clock that doesn't go back, for example CLOCK_MONOTONIC. A reading with an earlier
 * time than the last reading is ignored. If the program resets the counter, it also fills *rate with zeros.
 * Context: any; one thread at a time for each *rate. If several threads need the result, let one of them note the readings, and
 * store the result in an atomic word. Cost: nanoseconds.
 */
RKI_API void rk_rate_note(struct rk_rate *rate, int64_t now, int64_t sum);

/*
 * Returns the number of events in the last `window` nanoseconds before the last reading, and stores in *covered the nanoseconds
 * that the result covers. *covered is less than `window` if the first reading was later. It is 0 if there are fewer than two
 * readings.
 *
 * If the window begins between two readings, the call assumes that the events between them were evenly spread. The nearer the
 * readings, the more exact is the result: readings are kept for 60 seconds or longer, those of the last two seconds more
 * closely.
 * Parameters: `window` is above 0. `covered` can be NULL.
 * Context: as rk_rate_note(). Cost: it reads the readings, some 100 ns.
 */
RKI_API int64_t rk_rate_events(const struct rk_rate *rate, int64_t window, int64_t *covered);

RKI_END_DECLS

#endif /* RSEQKIT_RATE_H */
