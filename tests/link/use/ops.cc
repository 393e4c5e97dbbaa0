/* SPDX-License-Identifier: MIT */
/* ops.h from C++17, with no cast and no other header. */
#include <rseqkit/ops.h>

/* Memory on the caller's own account: CPU n's slot is n strides behind. */
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
