/* SPDX-License-Identifier: MIT */
/* keys.c - a hash table with open addressing, see keys.h. It has 2^n entries, of which at most half are used. */
#include "keys.h"

#include <stdlib.h>
#include <string.h>

#include "tool.h"

static void *need(void *allocated)
{
	if (allocated == NULL) {
		complain("out of memory");
		exit(EXIT_USAGE);
	}
	return allocated;
}

/* Mixes the numbers like the last step of SplitMix64 (Steele, Lea, Flood, 2014). */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* Returns the entry that has the key, or the free entry in which the key would be stored. */
static struct keys_entry *place_of(const struct keys *keys, const uint64_t key[3])
{
	size_t at = (size_t)mix(key[0] + mix(key[1] + mix(key[2])));

	for (;; at++) {
		struct keys_entry *entry = &keys->entries[at & (keys->room - 1)];

		if (entry->value == KEYS_NONE || memcmp(entry->key, key, sizeof(entry->key)) == 0)
			return entry;
	}
}

uint32_t keys_find(const struct keys *keys, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t key[3] = {a, b, c};

	return keys->room != 0 ? place_of(keys, key)->value : KEYS_NONE;
}

static void enlarge(struct keys *keys)
{
	struct keys larger = {.count = keys->count, .room = keys->room != 0 ? keys->room * 2 : 64};

	larger.entries = (struct keys_entry *)need(malloc(larger.room * sizeof(*larger.entries)));
	for (size_t i = 0; i < larger.room; i++)
		larger.entries[i].value = KEYS_NONE;
	for (size_t i = 0; i < keys->room; i++)
		if (keys->entries[i].value != KEYS_NONE)
			*place_of(&larger, keys->entries[i].key) = keys->entries[i];
	free(keys->entries);
	*keys = larger;
}

void keys_set(struct keys *keys, uint64_t a, uint64_t b, uint64_t c, uint32_t value)
{
	const uint64_t key[3] = {a, b, c};
	struct keys_entry *entry;

	if (keys->count * 2 >= keys->room)
		enlarge(keys);
	entry = place_of(keys, key);
	keys->count += entry->value == KEYS_NONE;
	memcpy(entry->key, key, sizeof(entry->key));
	entry->value = value;
}

void keys_forget(struct keys *keys)
{
	free(keys->entries);
	memset(keys, 0, sizeof(*keys));
}

void *keys_grow(void *array, size_t count, size_t size)
{
	char *more = (char *)array;

	if (count == 0 || (count & (count - 1)) == 0)
		more = (char *)need(realloc(array, (count == 0 ? 1 : count * 2) * size));
	memset(more + count * size, 0, size);
	return more;
}
