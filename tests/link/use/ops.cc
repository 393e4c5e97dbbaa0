/* SPDX-License-Identifier: MIT */
/* Uses ops.h in C++17, without casts and other headers. */
#include <rseqkit/ops.h>

/* The caller's own memory instead of an item of a pool. CPU n's slot is n strides after the first byte. */
static unsigned char memory[2 * RK_STRIDE];

int main()
{
	void *base = memory;
	intptr_t value = 1;
	enum rk_result result = RK_ABORTED;

	/* No CPU has this number, so nothing is written. */
	result = rk_at_load(base, &value, -1);
	if (result != RK_WRONG_CPU && result != RK_NO_RSEQ)
		return 1;
	result = rk_at_add(base, 1, -1);
	if (result != RK_WRONG_CPU && result != RK_NO_RSEQ)
		return 2;
	result = rk_at_store_if_equal(base, 0, 1, -1);
	if (result != RK_WRONG_CPU && result != RK_NO_RSEQ)
		return 3;
	result = rk_at_store_if_equal_release(base, 0, 1, -1);
	return result == RK_WRONG_CPU || result == RK_NO_RSEQ ? 0 : 4;
}
