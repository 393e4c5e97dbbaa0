/* SPDX-License-Identifier: MIT */
/* Uses rate.h in C++17, without casts and other headers. */
#include <rseqkit/rate.h>

int main()
{
	static struct rk_rate rate;
	int64_t covered;

	rk_rate_note(&rate, 0, 0);
	rk_rate_note(&rate, 2 * RK_RATE_SECOND, 10);
	return rk_rate_events(&rate, RK_RATE_SECOND, &covered) != 5 || covered != RK_RATE_SECOND;
}
