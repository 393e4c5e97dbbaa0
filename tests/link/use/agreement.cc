/* SPDX-License-Identifier: MIT */
/* Uses detail/agreement.h in C++17, without casts and other headers. */
#include <rseqkit/detail/agreement.h>

int main()
{
	struct rk_thread_block block {};
	struct rk_rendezvous page {};
	const char magic[] = RK_RENDEZVOUS_MAGIC;

	static_assert(sizeof(magic) == sizeof(page.magic), "with its terminator");
	static_assert(alignof(rk_thread_block) == 64, "as aligned as in C");
	block.state.version = RK_THREAD_STATE_VERSION;
	page.kind = RK_RENDEZVOUS_BLOCK;
	page.offset = rk_area_offset;
	page.signature = RK_SIGNATURE;
	return block.state.version != page.kind || block.u.area.cpu_id != 0;
}
