/* SPDX-License-Identifier: MIT */
/* counter.h from C++17, with no cast and no other header. */
#include <rseqkit/counter.h>

int main()
{
	struct rk_counter *counter;

	if (rk_counter_create(&counter) != 0)
		return 1;
	for (int i = 0; i < 1000; i++)
		rk_counter_add(counter, 2);
	if (rk_counter_sum(counter) != 2000 || rk_counter_reset(counter) != 2000 || rk_counter_sum(counter) != 0)
		return 2;
	return rk_counter_destroy(counter);
}
