/* SPDX-License-Identifier: MIT */
/* counts.c - a program that uses the library, for tests of the debugger's commands: adds to a counter, and prints the sum. */
#include <inttypes.h>
#include <stdio.h>
#include <rseqkit.h>

int main(void)
{
	struct rk_counter *counter;

	if (rk_counter_create(&counter) < 0)
		return 1;
	rk_counter_add(counter, 7);
	printf("%" PRId64 "\n", rk_counter_sum(counter));
	rk_counter_destroy(counter);
	return 0;
}
