/* SPDX-License-Identifier: MIT */
/* Uses freelist.h in C++17, without casts and other headers. */
#include <rseqkit/freelist.h>

struct buffer : rk_freelist_node {
	int number;
};

int main()
{
	struct rk_freelist *list;
	struct rk_freelist_node *rest;
	buffer buffers[3] = {};

	if (rk_freelist_create(&list) != 0)
		return 1;
	rk_freelist_push(list, &buffers[0]);
	buffers[1].next = &buffers[2];
	rk_freelist_push_chain(list, &buffers[1], &buffers[2]);
	if (rk_freelist_drain_all(list, &rest) != 0)
		return 2;
	int count = 0;
	for (; rest != nullptr; rest = rest->next)
		count++;
	return count == 3 && rk_freelist_pop(list) == nullptr ? rk_freelist_destroy(list, nullptr) : 3;
}
