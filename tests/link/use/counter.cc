/* SPDX-License-Identifier: MIT */
/* Uses counter.h in C++17, without casts and other headers: groups, and counters that are made on first use. */
#include <rseqkit/counter.h>

static struct rk_counter_static events = RK_COUNTER_STATIC;
RK_COUNTER_GROUP_STATIC(traffic, "requests", "answers");

int main()
{
	struct rk_counter_group *group;
	int64_t values[2];

	rk_counter_static_add(&events, 2);
	if (rk_counter_sum(rk_counter_static_get(&events)) != 2)
		return 1;
	rk_counter_group_static_add(&traffic, 1, 3);
	if (rk_counter_group_read(rk_counter_group_static_get(&traffic), values, traffic.count) != 0 || values[1] != 3)
		return 2;
	if (rk_counter_group_create(&group, nullptr, 2) != 0)
		return 3;
	rk_counter_group_add(group, 0, -1);
	if (rk_counter_group_reset(group, values, 2) != 0 || values[0] != -1)
		return 4;
	return rk_counter_group_name(group, 0) == nullptr ? rk_counter_group_destroy(group) : 5;
}
