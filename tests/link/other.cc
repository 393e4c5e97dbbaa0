/* SPDX-License-Identifier: MIT */
/* The second file with the same inline functions. */
#include "uses.h"

void add_elsewhere(struct rk_counter *counter, int64_t value)
{
	add_inline(counter, value + (load_inline<int64_t>(counter) & 0));
}
