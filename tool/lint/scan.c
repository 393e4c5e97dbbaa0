/* SPDX-License-Identifier: MIT */
/*
 * scan.c - searches all code of a file for jumps into critical sections from outside, and for stores of descriptors' addresses.
 *
 * First the scan of the architecture's port (insn.h) searches the bytes of the code, which is fast, because it decodes nothing.
 * Each place that it finds is a hit. Then the functions around the hits are decoded into listings (listing.h). A hit counts only
 * if the listing has such an instruction there. On x86-64 fewer than one hit in a hundred counts.
 */
#include <stdlib.h>
#include <string.h>

#include "judge.h"

#define HITS_MAX 0x1000000

struct hits {
	uint64_t *list;
	size_t count;
	bool full;
};

static void collect(void *argument, uint64_t place)
{
	struct hits *hits = (struct hits *)argument;

	if ((hits->count & (hits->count - 1)) == 0) {
		uint64_t *more = (uint64_t *)realloc(hits->list, (hits->count * 2 + 1) * sizeof(*more));

		if (more == NULL || hits->count >= HITS_MAX) {
			hits->full = true;
			return;
		}
		hits->list = more;
	}
	hits->list[hits->count++] = place;
}

static int compare_numbers(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

static int compare_spans(const void *left, const void *right)
{
	const struct span *a = (const struct span *)left, *b = (const struct span *)right;

	return a->start < b->start ? -1 : a->start > b->start;
}

static int compare_entries(const void *left, const void *right)
{
	const struct entry *a = (const struct entry *)left, *b = (const struct entry *)right;

	return a->target != b->target ? (a->target < b->target ? -1 : 1) : a->source < b->source ? -1 : a->source > b->source;
}

static int compare_armed(const void *left, const void *right)
{
	const struct armed *a = (const struct armed *)left, *b = (const struct armed *)right;

	return a->descriptor != b->descriptor ? (a->descriptor < b->descriptor ? -1 : 1)
					      : a->address < b->address ? -1 : a->address > b->address;
}

/* Makes the sorted list of the sections' ranges, and joins ranges that overlap. */
static bool make_ranges(struct check *check)
{
	size_t kept = 0;

	check->ranges = (struct span *)calloc(check->found.count + 1, sizeof(struct span));
	if (check->ranges == NULL)
		return false;
	for (size_t i = 0; i < check->found.count; i++) {
		const struct descriptor *descriptor = &check->found.descriptors[i];

		if (image_at(check->image, descriptor->start, descriptor->length) != NULL && descriptor->length > 0)
			check->ranges[check->range_count++] = (struct span){descriptor->start,
									    descriptor->start + descriptor->length};
	}
	qsort(check->ranges, check->range_count, sizeof(struct span), compare_spans);
	for (size_t i = 0; i < check->range_count; i++) {
		if (kept > 0 && check->ranges[i].start < check->ranges[kept - 1].end) {
			if (check->ranges[i].end > check->ranges[kept - 1].end)
				check->ranges[kept - 1].end = check->ranges[i].end;
			continue;
		}
		check->ranges[kept++] = check->ranges[i];
	}
	check->range_count = kept;
	return true;
}

/*
 * Returns the addresses that code uses to get a descriptor's address: the addresses of descriptors, and of words of data that
 * point to descriptors. Returns NULL if memory is short.
 */
static uint64_t *make_addresses(const struct check *check, size_t *count)
{
	struct hits hits = {NULL, 0, false};

	for (size_t i = 0; i < check->found.count; i++)
		collect(&hits, check->addresses[i]);
	for (size_t i = 0; i < check->image->region_count; i++) {
		const struct region *region = &check->image->regions[i];

		/* Code doesn't read the table of pointers itself. */
		if (region->code || strcmp(region->name, "__rseq_cs_ptr_array") == 0)
			continue;
		for (uint64_t at = -region->address & 7; at + 8 <= region->size; at += 8) {
			uint64_t word;

			memcpy(&word, region->bytes + at, sizeof(word));
			if (word - check->addresses[0] <= check->addresses[check->found.count - 1] - check->addresses[0] &&
			    flow_is_descriptor(&check->flow, word))
				collect(&hits, region->address + at);
		}
	}
	if (hits.count > 0)
		qsort(hits.list, hits.count, sizeof(uint64_t), compare_numbers);
	*count = hits.count;
	if (!hits.full)
		return hits.list;
	free(hits.list);
	return NULL;
}

/* If the instruction at the hit jumps into a section's range from outside, adds the jump to check->entries. */
static void add_entry(struct check *check, uint64_t hit)
{
	const struct listing *listing = listing_around(&check->listings, hit);
	long number = listing != NULL ? listing_index(listing, hit) : -1;
	const struct insn *insn = number >= 0 ? &listing->insns[number] : NULL;
	const struct span *range;
	struct entry *more;

	if (insn == NULL || insn->unknown || (insn->kind != INSN_JUMP && insn->kind != INSN_BRANCH && insn->kind != INSN_CALL))
		return;
	range = span_find(check->ranges, check->range_count, insn->target);
	if (range == NULL || span_find(check->ranges, check->range_count, insn->address) == range)
		return;
	/* Hits are sorted, so two hits of the same instruction follow one another. */
	if (check->entry_count > 0 && check->entries[check->entry_count - 1].source == insn->address)
		return;
	if ((check->entry_count & (check->entry_count - 1)) == 0) {
		more = (struct entry *)realloc(check->entries, (check->entry_count * 2 + 1) * sizeof(*more));
		if (more == NULL)
			return;
		check->entries = more;
	}
	check->entries[check->entry_count++] = (struct entry){
		insn->address, insn->target, !listing->guessed && listing_is_code(&check->listings, listing, (size_t)number)};
}

static void add_armed(struct check *check, uint64_t hit)
{
	struct armed found[4], *more;
	size_t count = arms_at(&check->listings, &check->flow, hit, found, sizeof(found) / sizeof(found[0]));

	for (size_t i = 0; i < count; i++) {
		bool known = false;

		for (size_t k = check->armed_count; k-- > 0 && !known && check->armed_count - k < 16;)
			known = check->armed[k].address == found[i].address;
		if (known)
			continue;
		if ((check->armed_count & (check->armed_count - 1)) == 0) {
			more = (struct armed *)realloc(check->armed, (check->armed_count * 2 + 1) * sizeof(*more));
			if (more == NULL)
				return;
			check->armed = more;
		}
		check->armed[check->armed_count++] = found[i];
	}
}

bool scan_code(struct check *check)
{
	struct hits hits = {NULL, 0, false};
	struct insn_wanted wanted = {.ranges = NULL};
	uint64_t *addresses;

	if (!make_ranges(check))
		return false;
	addresses = make_addresses(check, &wanted.address_count);
	if (addresses == NULL)
		return false;
	wanted.addresses = addresses;
	wanted.ranges = check->ranges;
	wanted.range_count = check->range_count;
	for (size_t i = 0; i < check->image->region_count; i++) {
		const struct region *region = &check->image->regions[i];

		if (region->code)
			check->image->arch->scan(region->bytes, region->size, region->address, &wanted, collect, &hits);
	}
	/* Some hits weren't kept. One of them can be a jump into a section. */
	if (hits.full) {
		free(hits.list);
		free(addresses);
		return false;
	}
	/* If the hits are sorted by address, each function is decoded only once. */
	if (hits.count > 0)
		qsort(hits.list, hits.count, sizeof(uint64_t), compare_numbers);
	for (size_t i = 0; i < hits.count; i++) {
		add_entry(check, hits.list[i]);
		add_armed(check, hits.list[i]);
	}
	if (check->entry_count > 0)
		qsort(check->entries, check->entry_count, sizeof(struct entry), compare_entries);
	if (check->armed_count > 0)
		qsort(check->armed, check->armed_count, sizeof(struct armed), compare_armed);
	free(hits.list);
	free(addresses);
	return true;
}
