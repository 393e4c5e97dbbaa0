/* SPDX-License-Identifier: MIT */
/*
 * map.h - a map of the address space. For each page of 64 KiB the map has an entry. The entry has the data that free() needs,
 * and the address of the description of the page's owner, which is a span (spans.h) or a large object (large.h).
 *
 * The map has two levels: the root has a leaf for each 4 GiB. One more leaf, the window, has the entries for the addresses
 * around this leaf itself. free() finds these entries without a load from the root. The map's memory is separate from the
 * program's objects. Leaves are never unmapped.
 */
#ifndef MALLOC_MAP_H
#define MALLOC_MAP_H

#include <stdbool.h>
#include "classes.h"

#pragma GCC visibility push(hidden)

/* Values of a page's code. Any other value is a size class: the page begins a span of this class (classes.h, spans.h). */
enum { CODE_NONE = 0, CODE_LARGE = 255 /* a large object begins at the page */ };

/*
 * The thread that uses an object reads the entry of its page without a lock. The entry doesn't change until the object is
 * freed, with one exception: the entry of a span that is older than its class's cache has no cache. When an object of such a
 * span is freed, the entry gets the cache.
 */
#define LEAF_PAGES 65536
#define WINDOW_BELOW (LEAF_PAGES / 4 * 3) /* the number of the window's entries for pages below the window itself */
struct leaf {
	struct rk_cache *caches[LEAF_PAGES]; /* the cache to which freed objects of a span go; valid if the inverse isn't 0 */
	uint32_t inverses[LEAF_PAGES];      /* for a span with a cache, size_classes[code].inverse; otherwise 0 */
	uint8_t codes[LEAF_PAGES];
	void *owners[LEAF_PAGES];
};

/*
 * The window: map_first has the entries of the 3 GiB below itself and of the 1 GiB above. All other addresses have the leaf of
 * their 4 GiB. The kernel places new mappings below older ones, so almost all memory of a process is in the window.
 */
extern struct leaf map_first;
extern uintptr_t map_first_page; /* the number of the window's first page in the address space */

/* Opens the window. Runs before all other functions. */
void map_begin(void);

static inline bool map_window_has(const void *address)
{
	return ((uintptr_t)address >> SPAN_SHIFT) - map_first_page < LEAF_PAGES;
}

/* Returns the leaf of an address outside of the window, and changes *number if there is no such leaf; see map_leaf(). */
const struct leaf *map_leaf_outside(const void *address, uintptr_t *number);

/*
 * Returns the leaf of an address, and stores in *number which entry of the leaf the address has. If the allocator has no memory
 * in the 4 GiB around the address, this entry is another one that is always 0. The map ends at 2^48: the kernel maps no memory
 * above this address unless a program asks for that address.
 */
static inline const struct leaf *map_leaf(const void *address, uintptr_t *number)
{
	uintptr_t page = (uintptr_t)address >> SPAN_SHIFT;

	*number = map_window_has(address) ? page - map_first_page : page % LEAF_PAGES;
	return map_window_has(address) ? &map_first : map_leaf_outside(address, number);
}

static inline unsigned map_code(const void *address)
{
	uintptr_t number;
	const struct leaf *leaf = map_leaf(address, &number);

	return leaf->codes[number];
}

/* Returns the owner of an address whose code isn't CODE_NONE: a struct span or a struct large. */
static inline void *map_owner(const void *address)
{
	uintptr_t number;
	const struct leaf *leaf = map_leaf(address, &number);

	return leaf->owners[number];
}

/* Makes the missing leaves of a range of addresses. Returns false if there is no memory, or if the range ends above 2^48. */
bool map_prepare(const void *address, size_t size);

/*
 * Sets the entry of a page whose leaf exists. The caller is the thread that makes or frees the span or the large object at the
 * page, with one exception. Threads that free objects of a span without a cache add the class's cache to the entry. Several
 * threads can do this at the same time, with the same values.
 */
void map_set(const void *address, unsigned code, struct rk_cache *cache, void *owner);

#pragma GCC visibility pop

#endif /* MALLOC_MAP_H */
