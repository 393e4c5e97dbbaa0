/* SPDX-License-Identifier: MIT */
/* abi.h from C++17, with no cast and no other header. */
#include <rseqkit/abi.h>

int main()
{
	struct rk_area area {};
	struct rk_thread_block block {};
	struct rk_rendezvous page {};
	const char magic[] = RK_RENDEZVOUS_MAGIC;
	ptrdiff_t offset = rk_area_offset;
	uint32_t valid = rk_area_valid;
	int32_t unregistered = RK_CPU_ID_UNINITIALIZED;

	static_assert(sizeof(magic) == sizeof(page.magic), "with its terminator");
	static_assert(alignof(rk_thread_block) == 64, "as aligned as in C");
	area.rseq_cs = 0;
	block.u.area.slice_ctrl = area.slice_ctrl;
	block.state.version = RK_THREAD_STATE_VERSION;
	page.kind = RK_RENDEZVOUS_BLOCK;
	page.offset = offset;
	page.signature = RK_SIGNATURE;
	if (unregistered >= 0)
		return 2;
	return offset != 0 && (valid == 0 || valid >= RK_FEATURE_SIZE_ORIGINAL) && block.u.area.cpu_id == area.cpu_id ? 0 : 1;
}
