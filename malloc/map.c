/* SPDX-License-Identifier: MIT */
/* map.c - see map.h. */
#include "map.h"

#include "system.h"

struct leaf *map_root[65536], *map_first;
uint32_t map_first_is = UINT32_MAX;

const struct page *map_page_elsewhere(const void *address)
{
	static const struct page nothing;
	uintptr_t number = (uintptr_t)address >> 32;
	const struct leaf *leaf = number < 65536 ? __atomic_load_n(&map_root[number], __ATOMIC_ACQUIRE) : NULL;

	return leaf == NULL ? &nothing : &leaf->pages[(uint16_t)((uintptr_t)address >> SPAN_SHIFT)];
}

void *map_owner(const void *address)
{
	return map_root[(uintptr_t)address >> 32]->owners[(uint16_t)((uintptr_t)address >> SPAN_SHIFT)];
}

bool map_prepare(const void *address, size_t size)
{
	uintptr_t first = (uintptr_t)address >> 32, last = ((uintptr_t)address + size - 1) >> 32;

	if (last >= 65536)
		return false;
	for (uintptr_t i = first; i <= last; i++) {
		struct leaf *leaf;

		if (map_root[i] != NULL)
			continue;
		leaf = system_map(sizeof(*leaf), 4096, true);
		if (leaf == NULL)
			return false;
		__atomic_store_n(&map_root[i], leaf, __ATOMIC_RELEASE);
		if (map_first != NULL)
			continue;
		map_first = leaf;
		__atomic_store_n(&map_first_is, (uint32_t)i, __ATOMIC_RELEASE);
	}
	return true;
}

void map_set(const void *address, unsigned code, struct rk_cache *cache, void *owner)
{
	struct leaf *leaf = map_root[(uintptr_t)address >> 32];
	uint16_t number = (uint16_t)((uintptr_t)address >> SPAN_SHIFT);
	uint32_t inverse = code < CLASSES && cache != NULL ? size_classes[code].inverse : 0;

	leaf->owners[number] = owner;
	leaf->pages[number] = (struct page){.cache = cache, .inverse = inverse, .code = code};
}
