/* SPDX-License-Identifier: MIT */
/*
 * constructor.c - a program whose first constructor creates a counter and adds to it, in one loop. The library sets
 * rk_area_offset when the library is first used. A compiler is able to move the read of this variable out of the loop, and so
 * before the counter's creation. Exits with 0 if the count is right.
 */
#include <rseqkit.h>

static struct rk_counter *counter;
static int ready;

__attribute__((__constructor__(101))) static void early(void)
{
	for (int i = 0; i < 3; i++) {
		if (!ready) {
			if (rk_counter_create(&counter) != 0)
				return;
			ready = 1;
		}
		rk_counter_add(counter, 1);
	}
}

int main(void)
{
	return ready && rk_counter_sum(counter) == 3 ? 0 : 1;
}
