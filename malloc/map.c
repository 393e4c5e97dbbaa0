/* SPDX-License-Identifier: MIT */
/* map.c - makes, finds and sets the entries of the map of pages; see map.h. */
#include "map.h"

#include "system.h"

#define LEAF_SHIFT 32

static struct leaf *root[65536];
struct leaf map_first;
uintptr_t map_first_page = (uintptr_t)1 << 60; /* above all addresses, so the window has none until map_begin() */

void map_begin(void)
{
	map_first_page = ((uintptr_t)&map_first >> SPAN_SHIFT) - WINDOW_BELOW;
}

/*
 * A leaf of zeros for addresses without a leaf would make this library's variables larger than a huge page. The kernel could
 * then use one for them, and each process would take 2 MiB more.
 */
const struct leaf *map_leaf_outside(const void *address, uintptr_t *number)
{
	uintptr_t high = (uintptr_t)address >> LEAF_SHIFT;
	const struct leaf *leaf = high < 65536 ? __atomic_load_n(&root[high], __ATOMIC_ACQUIRE) : NULL;

	if (leaf != NULL)
		return leaf;
	*number = WINDOW_BELOW + 1; /* this page is inside map_first, so no object can be there */
	return &map_first;
}

bool map_prepare(const void *address, size_t size)
{
	uintptr_t first = (uintptr_t)address >> LEAF_SHIFT, last = ((uintptr_t)address + size - 1) >> LEAF_SHIFT;

	if (map_window_has(address) && map_window_has((const char *)address + size - 1))
		return true;
	if (last >= 65536)
		return false;
	for (uintptr_t i = first; i <= last; i++) {
		struct leaf *leaf, *none = NULL;

		if (__atomic_load_n(&root[i], __ATOMIC_ACQUIRE) != NULL)
			continue;
		leaf = system_map(sizeof(*leaf), 4096, true);
		if (leaf == NULL)
			return false;
		if (!__atomic_compare_exchange_n(&root[i], &none, leaf, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			system_unmap(leaf, sizeof(*leaf));
	}
	return true;
}

void map_set(const void *address, unsigned code, struct rk_cache *cache, void *owner)
{
	uintptr_t number;
	struct leaf *leaf = (struct leaf *)map_leaf(address, &number);
	uint32_t inverse = code < CLASSES && cache != NULL && !system_wants(GUARDS) ? size_classes[code].inverse : 0;

	leaf->owners[number] = owner;
	leaf->codes[number] = (uint8_t)code;
	/* free() loads the inverse before the cache. */
	leaf->caches[number] = cache;
	__atomic_store_n(&leaf->inverses[number], inverse, __ATOMIC_RELEASE);
}
