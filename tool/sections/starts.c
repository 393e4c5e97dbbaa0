/* SPDX-License-Identifier: MIT */
/*
 * starts.c - finds the descriptors whose sections begin at an address, or overlap a range.
 *
 * A file can have a hundred thousand descriptors, so the list is sorted, and no function compares all pairs of descriptors.
 */
#include "starts.h"

#include <stdlib.h>
#include <string.h>

#include "common/sorted.h"

static int compare_starts(const void *left, const void *right)
{
	const struct descriptor *a = *(const struct descriptor *const *)left, *b = *(const struct descriptor *const *)right;

	return a->start != b->start ? (a->start < b->start ? -1 : 1) : a->address < b->address ? -1 : a->address > b->address;
}

/* Returns the address at which the range ends. A range that wraps ends at its start. */
static uint64_t end_of(const struct descriptor *descriptor)
{
	uint64_t end = descriptor->start + descriptor->length;

	return end < descriptor->start ? descriptor->start : end;
}

bool starts_begin(struct starts *starts, const struct found *found)
{
	memset(starts, 0, sizeof(*starts));
	starts->list = (const struct descriptor **)calloc(found->count + 1, sizeof(*starts->list));
	starts->reach = (uint64_t *)calloc(found->count + 1, sizeof(uint64_t));
	if (starts->list == NULL || starts->reach == NULL)
		return false;
	starts->count = found->count;
	for (size_t i = 0; i < found->count; i++)
		starts->list[i] = &found->descriptors[i];
	qsort(starts->list, found->count, sizeof(*starts->list), compare_starts);
	for (size_t i = 0; i < found->count; i++) {
		uint64_t end = end_of(starts->list[i]);

		starts->reach[i] = i > 0 && starts->reach[i - 1] > end ? starts->reach[i - 1] : end;
	}
	return true;
}

void starts_end(struct starts *starts)
{
	free(starts->list);
	free(starts->reach);
}

/* Returns the number of descriptors that start before the address. */
static size_t count_before(const struct starts *starts, uint64_t address)
{
	return COUNT_WHILE(i, starts->count, starts->list[i]->start < address);
}

size_t starts_at(const struct starts *starts, uint64_t address)
{
	size_t first = count_before(starts, address);

	return (address == UINT64_MAX ? starts->count : count_before(starts, address + 1)) - first;
}

const struct descriptor *starts_in(const struct starts *starts, uint64_t low, uint64_t high, size_t *next)
{
	size_t end = count_before(starts, high);

	for (; *next < end && starts->reach[end - 1 - *next] > low; ++*next) {
		const struct descriptor *descriptor = starts->list[end - 1 - *next];

		if (end_of(descriptor) > low) {
			++*next;
			return descriptor;
		}
	}
	return NULL;
}
