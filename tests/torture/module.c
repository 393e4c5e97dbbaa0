/* SPDX-License-Identifier: MIT */
/* module.c - a module with a critical section of its own, which program.c, scarce.c and others load. */
#include <rseqkit/counter.h>

int use(void);

int use(void)
{
	struct rk_counter *counter;
	int wrong;

	if (rk_counter_create(&counter) != 0)
		return 1;
	for (int i = 0; i < 1000; i++)
		rk_counter_add(counter, 3);
	wrong = rk_counter_sum(counter) != 3000;
	rk_counter_destroy(counter);
	return wrong;
}
