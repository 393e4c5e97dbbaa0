/* SPDX-License-Identifier: MIT */
/* Uses peak.h in C++17, without casts and other headers. */
#include <rseqkit/peak.h>

static struct rk_peak_static kept = RK_PEAK_STATIC;

int main()
{
	struct rk_peak *peak;
	struct rk_level *level;
	int64_t value;

	if (rk_peak_create(&peak) != 0 || rk_level_create(&level, 8) != 0)
		return 1;
	rk_peak_record_max(peak, 7);
	rk_peak_record_min(peak, -7);
	if (rk_peak_max_reset(peak, &value) != 0 || value != 7 || rk_peak_min_reset(peak, &value) != 0 || value != -7)
		return 2;
	rk_peak_static_record_max(&kept, 5);
	rk_peak_static_record_min(&kept, 5);
	if (rk_peak_max(rk_peak_static_get(&kept), &value) != 0 || value != 5 || rk_peak_static_destroy(&kept) != 0)
		return 3;
	rk_level_add(level, 2);
	if (rk_level_get(level) != 2 || rk_level_peak(level) != 2 || rk_level_peak_reset(level) != 2)
		return 4;
	return rk_level_destroy(level) != 0 || rk_peak_destroy(peak) != 0;
}
