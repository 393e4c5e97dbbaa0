/* SPDX-License-Identifier: MIT */
/* Uses histogram.h in C++17, without casts and other headers. */
#include <rseqkit/histogram.h>

int main()
{
	struct rk_histogram *histogram;
	struct rk_histogram_snapshot *snapshot;

	if (rk_histogram_create(&histogram, 4, 1000) != 0 || rk_histogram_snapshot_create(&snapshot, histogram) != 0)
		return 1;
	rk_histogram_record(histogram, 7);
	rk_histogram_record_many(histogram, 20, 3);
	if (rk_histogram_reset(histogram, snapshot) != 0 || snapshot->count != 4)
		return 2;
	if (rk_histogram_percentile(snapshot, 25) != 7 || rk_histogram_max(snapshot) != 20)
		return 3;
	if (rk_histogram_merge(snapshot, snapshot) != 0 || rk_histogram_snapshot_destroy(snapshot) != 0)
		return 4;
	return rk_histogram_destroy(histogram);
}
