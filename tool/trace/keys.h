/* SPDX-License-Identifier: MIT */
/*
 * keys.h - a hash table from three numbers to an index, and arrays that grow.
 *
 * If memory is short, these functions end the program by exit(EXIT_USAGE), so no caller sees an incomplete table.
 */
#ifndef RK_TOOL_TRACE_KEYS_H
#define RK_TOOL_TRACE_KEYS_H

#include <stddef.h>
#include <stdint.h>

#define KEYS_NONE UINT32_MAX

struct keys_entry {
	uint64_t key[3];
	uint32_t value; /* KEYS_NONE if the entry is free */
};

/* An empty table is all zeros. */
struct keys {
	struct keys_entry *entries;
	size_t count, room;
};

/* Returns the value of a key, or KEYS_NONE. */
uint32_t keys_find(const struct keys *keys, uint64_t a, uint64_t b, uint64_t c);

/* Sets the value of a key. The key's older value is lost. */
void keys_set(struct keys *keys, uint64_t a, uint64_t b, uint64_t c, uint32_t value);

/* Frees the table. */
void keys_forget(struct keys *keys);

/*
 * Makes room for one more element in an array with `count` elements of `size` bytes. Returns the array. The new element is zeros.
 */
void *keys_grow(void *array, size_t count, size_t size);

#endif /* RK_TOOL_TRACE_KEYS_H */
