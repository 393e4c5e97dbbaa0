/* SPDX-License-Identifier: MIT */
/* gate.h from C++17, with no cast and no other header. */
#include <rseqkit/gate.h>

int main()
{
	intptr_t gate = 0;
	void *item = &gate;

	if (rk_gate_add(&gate, 8, 1) == RK_DONE)
		return 1;
	return rk_gate_enter(&gate, &item) != RK_DONE && item == nullptr ? 0 : 1;
}
