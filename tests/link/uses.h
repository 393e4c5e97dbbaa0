/* SPDX-License-Identifier: MIT */
/* uses.h - operations in inline functions that two C++ files share, so the operations' sections are in COMDAT groups. */
#ifndef USES_H
#define USES_H

#include <rseqkit.h>
#include <rseqkit/ops_cpu.h>

inline void add_inline(struct rk_counter *counter, int64_t value)
{
	rk_counter_add(counter, value);
}

template <typename T> T load_inline(const void *base)
{
	intptr_t value = 0;

	for (int i = 0; i < RK_ABORTS_MAX; i++)
		if (rk_cpu_load(base, &value) != RK_ABORTED)
			break;
	return static_cast<T>(value);
}

void add_elsewhere(struct rk_counter *counter, int64_t value);

#endif
