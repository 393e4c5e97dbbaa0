/* SPDX-License-Identifier: MIT */
/* Uses bank.h in C++17, without casts and other headers. */
#include <rseqkit/bank.h>
#include <rseqkit/ops_at.h>

int main()
{
	struct rk_bank_slot slot {};
	intptr_t bank[4] {};
	intptr_t seen = 0;

	if (rk_bank_open_first(&slot, bank) != 0 || rk_bank_open_first(&slot, bank) >= 0)
		return 1;
	/* The slot isn't per-CPU memory, so nothing must be stored to it. Operations for CPU -1, which doesn't exist, fail. */
	return rk_at_bank_add(&slot, 0, 1, -1) == RK_WRONG_CPU &&
	       rk_at_bank_compare_exchange_release(&slot, 0, &seen, 1, -1) == RK_WRONG_CPU ? 0 : 1;
}
