/* SPDX-License-Identifier: MIT */
/* Uses abi.h in C++17, without casts and other headers. */
#include <rseqkit/abi.h>

int main()
{
	struct rk_area area {};
	ptrdiff_t offset = rk_area_offset;
	uint32_t valid = rk_area_valid < rk_cid_limit ? rk_area_valid : 0;
	int32_t unregistered = RK_CPU_ID_UNINITIALIZED;

	area.rseq_cs = 0;
	area.slice_ctrl = RK_SIGNATURE;
	if (unregistered >= 0)
		return 2;
	return offset != 0 && (valid == 0 || valid >= RK_FEATURE_SIZE_ORIGINAL) && area.cpu_id == 0 ? 0 : 1;
}
