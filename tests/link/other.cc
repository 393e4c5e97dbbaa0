/* SPDX-License-Identifier: MIT */
/* other.cc - the second file of the program main.cc, with the same inline functions (uses.h). */
#include "uses.h"

void add_elsewhere(struct rk_counter *counter, int64_t value)
{
	add_inline(counter, value + (load_inline<int64_t>(counter) & 0));
}
