/* SPDX-License-Identifier: MIT */
/* bank.h from C++17, with no cast and no other header. */
#include <rseqkit/bank.h>

int main()
{
	struct rk_bank_slot slot {};
	intptr_t bank[4] {};
	intptr_t seen = 0;

	if (rk_bank_open_first(&slot, bank) != 0 || rk_bank_open_first(&slot, bank) >= 0)
		return 1;
	/* This slot isn't per-CPU memory: no operation may be done on it, so of a CPU that doesn't exist. */
	return rk_at_bank_add(&slot, 0, 1, -1) == RK_WRONG_CPU &&
	       rk_at_bank_compare_exchange_release(&slot, 0, &seen, 1, -1) == RK_WRONG_CPU ? 0 : 1;
}
