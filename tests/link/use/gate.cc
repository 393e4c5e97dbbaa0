/* SPDX-License-Identifier: MIT */
/* Uses gate.h in C++17, without casts and other headers. */
#include <rseqkit/gate.h>

int main()
{
	intptr_t gate = 0;
	void *item = &gate;

	if (rk_gate_add(&gate, 8, 1) == RK_DONE)
		return 1;
	return rk_gate_enter(&gate, &item) != RK_DONE && item == nullptr ? 0 : 1;
}
