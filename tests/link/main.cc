/* SPDX-License-Identifier: MIT */
/* main.cc - a program of two files with the same inline functions (uses.h). Exits with 0 if the sum of all adds is right. */
#include <cstdio>
#include "uses.h"

#ifdef DEAD
void never_called(struct rk_counter *counter);
void never_called(struct rk_counter *counter)
{
	rk_counter_add(counter, 77);
}
#endif

int main()
{
	struct rk_counter *counter;

	if (rk_counter_create(&counter) != 0)
		return 1;
	for (int i = 0; i < 100000; i++) {
		add_inline(counter, 2);
		add_elsewhere(counter, 3);
	}
	if (rk_counter_sum(counter) != 500000) {
		std::printf("sum %lld\n", static_cast<long long>(rk_counter_sum(counter)));
		return 2;
	}
	return load_inline<int64_t>(counter) >= 0 && rk_counter_destroy(counter) == 0 ? 0 : 3;
}
