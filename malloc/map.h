/* SPDX-License-Identifier: MIT */
/*
 * map.h - what lies at an address: of each 64 KiB of the address space what free() wants to know, and who describes it.
 *
 * Two levels: the root has a leaf for each 4 GiB. The first leaf is known without the root: a small heap lies in it, and
 * free() needn't wait for another load. All of it is far from what the program writes to, and none is ever given back.
 */
#ifndef MALLOC_MAP_H
#define MALLOC_MAP_H

#include <stdbool.h>
#include "classes.h"

#pragma GCC visibility push(hidden)

/* A code that is the number of a class: a span of it. */
enum { CODE_NONE = 0, CODE_LARGE = 255 /* a large object begins there */ };

/* Read without a lock by whoever has an object there; so it doesn't change meanwhile. */
struct leaf {
	struct rk_cache *caches[65536]; /* where objects of a span go; valid if there is an inverse */
	uint32_t inverses[65536];       /* of the class of a span that has a cache; else 0 */
	uint8_t codes[65536];
	void *owners[65536];
};

/* The first leaf, and the number of its first page in the address space: for free(). */
extern struct leaf *map_first;
extern uintptr_t map_first_page;

/* The leaf of an address; one with zeros where nothing of ours is. The address space has 2^48 bytes without a hint. */
const struct leaf *map_leaf(const void *address);

static inline uint16_t map_number(const void *address)
{
	return (uint16_t)((uintptr_t)address >> SPAN_SHIFT);
}

static inline unsigned map_code(const void *address)
{
	return map_leaf(address)->codes[map_number(address)];
}

/* Of an address with a code: struct span or struct large. */
static inline void *map_owner(const void *address)
{
	return map_leaf(address)->owners[map_number(address)];
}

/* Leaves for that much memory; false if there is none for them. */
bool map_prepare(const void *address, size_t size);

/* Says what one page is, of prepared ones. By who has it. */
void map_set(const void *address, unsigned code, struct rk_cache *cache, void *owner);

#pragma GCC visibility pop

#endif /* MALLOC_MAP_H */
