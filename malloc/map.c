/* SPDX-License-Identifier: MIT */
/* map.c - see map.h. */
#include "map.h"

#include "system.h"

static struct leaf *root[65536];
struct leaf *map_first;
uintptr_t map_first_page = (uintptr_t)1 << 60; /* above all addresses */

const struct leaf *map_leaf(const void *address)
{
	static struct leaf nothing; /* not const: the zeros of a const object would take space in the file */
	uintptr_t number = (uintptr_t)address >> 32;
	const struct leaf *leaf = number < 65536 ? __atomic_load_n(&root[number], __ATOMIC_ACQUIRE) : NULL;

	return leaf == NULL ? &nothing : leaf;
}

bool map_prepare(const void *address, size_t size)
{
	uintptr_t first = (uintptr_t)address >> 32, last = ((uintptr_t)address + size - 1) >> 32;

	if (last >= 65536)
		return false;
	for (uintptr_t i = first; i <= last; i++) {
		struct leaf *leaf, *none = NULL, *no_first = NULL;

		if (__atomic_load_n(&root[i], __ATOMIC_ACQUIRE) != NULL)
			continue;
		leaf = system_map(sizeof(*leaf), 4096, true);
		if (leaf == NULL)
			return false;
		if (!__atomic_compare_exchange_n(&root[i], &none, leaf, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			system_unmap(leaf, sizeof(*leaf));
		else if (__atomic_compare_exchange_n(&map_first, &no_first, leaf, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			__atomic_store_n(&map_first_page, i << 16, __ATOMIC_RELEASE);
	}
	return true;
}

void map_set(const void *address, unsigned code, struct rk_cache *cache, void *owner)
{
	struct leaf *leaf = root[(uintptr_t)address >> 32];
	uint16_t number = map_number(address);
	uint32_t inverse = code < CLASSES && cache != NULL ? size_classes[code].inverse : 0;

	leaf->owners[number] = owner;
	leaf->codes[number] = (uint8_t)code;
	/* free() loads the inverse before the cache. */
	leaf->caches[number] = cache;
	__atomic_store_n(&leaf->inverses[number], inverse, __ATOMIC_RELEASE);
}
