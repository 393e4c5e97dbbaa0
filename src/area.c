/* SPDX-License-Identifier: MIT */
/*
 * area.c - the thread block in static TLS, and the two published words that the fast path reads.
 *
 * Headers declare the words const, so that compilers keep them in registers. Here they are variables under the same
 * symbols, writable, because executables may hold the linker's copy of them: a store goes to wherever the symbol is
 * bound.
 */
#include "area.h"
#include "thread_pointer.h"

__thread struct rk_thread_block rk_block = {
	.u.area.cpu_id = (uint32_t)RK_CPU_ID_UNINITIALIZED,
	.version = RK_THREAD_BLOCK_VERSION,
};

_Static_assert(sizeof(struct rk_thread_block) == 64, "one cache line of static TLS");
_Static_assert(sizeof(struct rk_area) == RK_AREA_LENGTH_ORIGINAL, "the kernel's layout");
_Static_assert(offsetof(struct rk_area, cpu_id) == 4 && offsetof(struct rk_area, rseq_cs) == 8 &&
		       offsetof(struct rk_area, mm_cid) == 24,
	       "the kernel's layout, which the ports use by number");

RK_API ptrdiff_t area_offset __asm__("rk_area_offset");
RK_API uint32_t area_valid __asm__("rk_area_valid");

ptrdiff_t area_offset;
uint32_t area_valid;

ptrdiff_t rk_block_offset(void)
{
	return (char *)&rk_block - rk_thread_pointer();
}

void rk_area_publish(ptrdiff_t offset, uint32_t valid)
{
	SET_ONCE(area_valid, valid);
	SET_ONCE(area_offset, offset);
}
