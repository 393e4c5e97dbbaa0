/* SPDX-License-Identifier: MIT */
/*
 * first_use.c - when to try again to create a counter or another object on its use (first_use.h). `uses` counts the uses since the first
 * attempt that failed; it is 0 as long as none has failed.
 */
#include "first_use.h"

#include <stdint.h>

#define SELDOM 1024

static uint32_t uses;

bool rk_first_use_tries(void)
{
	uint32_t n = __atomic_load_n(&uses, __ATOMIC_RELAXED);

	if (n != 0)
		n = __atomic_fetch_add(&uses, 1, __ATOMIC_RELAXED);
	return n < SELDOM ? (n & (n - 1)) == 0 : n % SELDOM == 0;
}

void rk_first_use_tried(bool created)
{
	uint32_t none = 0;

	if (!created)
		(void)__atomic_compare_exchange_n(&uses, &none, 1, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
	else if (__atomic_load_n(&uses, __ATOMIC_RELAXED) != 0)
		__atomic_store_n(&uses, 0, __ATOMIC_RELAXED);
}
