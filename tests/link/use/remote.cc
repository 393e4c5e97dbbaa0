/* SPDX-License-Identifier: MIT */
/* Uses remote.h in C++17, without casts and other headers. */
#include <rseqkit/remote.h>

int main()
{
	struct rk_claim claim {};
	unsigned long none[4] {};
	void *bank = nullptr;

	if (rk_claim_take_try(&claim) != 0 || rk_claim_take_for(&claim, 1000) >= 0 || rk_claim_release(&claim) != 0)
		return 1;
	if (rk_fence_cpus(none, sizeof(none)) != 0 || rk_fence_cpu(-1) >= 0)
		return 1;
	return rk_bank_begin_try(nullptr, 0) < 0 && rk_bank_take(nullptr, 0, nullptr, &bank) < 0 ? 0 : 1;
}
