/* SPDX-License-Identifier: MIT */
/* listing.c - makes listings: decodes whole functions. */
#include "listing.h"

#include <stdlib.h>
#include <string.h>

#include "common/sorted.h"

#define FUNCTION_MAX 0x40000 /* at most this many bytes of a function are decoded */
#define GUESSED 256	     /* if a function's beginning isn't known, decoding begins at most this many bytes earlier */
#define AFTER 64	     /* then this many bytes after the address are decoded */
#define TRIES 32	     /* if a function's beginning isn't known, this many beginnings are tried */

static int compare_numbers(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

bool listings_begin(struct listings *listings, const struct image *image, struct decoder *decoder, const struct found *found)
{
	memset(listings, 0, sizeof(*listings));
	listings->image = image;
	listings->decoder = decoder;
	listings->labels = (uint64_t *)calloc(2 * found->count + 1, sizeof(uint64_t));
	if (listings->labels == NULL)
		return false;
	for (size_t i = 0; i < found->count; i++) {
		listings->labels[listings->label_count++] = found->descriptors[i].start;
		listings->labels[listings->label_count++] = found->descriptors[i].abort;
	}
	qsort(listings->labels, listings->label_count, sizeof(uint64_t), compare_numbers);
	return true;
}

static void forget(struct listing *listing)
{
	free(listing->insns);
	free(listing->targets);
	free(listing->copied);
	memset(listing, 0, sizeof(*listing));
}

void listings_end(struct listings *listings)
{
	forget(&listings->last);
	forget(&listings->near);
	free(listings->labels);
}

/* Returns the first label after an address, or UINT64_MAX if there is no such label. */
static uint64_t next_label(const struct listings *listings, uint64_t address)
{
	size_t first = COUNT_WHILE(i, listings->label_count, listings->labels[i] <= address);

	return first < listings->label_count ? listings->labels[first] : UINT64_MAX;
}

/*
 * Returns the address at which decoding must begin to meet the instruction at `address`. This is the beginning of its function.
 * If no function is known, it is the last label at or before `address`. If there is no such label, returns 0.
 */
static uint64_t beginning_of(const struct listings *listings, const struct region *region, uint64_t address)
{
	uint64_t start = image_function(listings->image, address);

	size_t count = COUNT_WHILE(i, listings->label_count, listings->labels[i] <= address);

	return start == 0 && count > 0 && listings->labels[count - 1] >= region->address ? listings->labels[count - 1] : start;
}

/*
 * Decodes the instruction at an address. If the bytes are no instruction, or the instruction would reach over a label, makes an
 * unknown instruction of the kind INSN_TRAP.
 */
static void decode_one(const struct listings *listings, uint64_t address, uint64_t end, struct insn *insn)
{
	uint64_t label = next_label(listings, address);
	size_t size = listings->image->arch->longest;
	const uint8_t *bytes;

	if (size > end - address)
		size = end - address;
	bytes = image_at(listings->image, address, size);
	if (bytes != NULL && decode(listings->decoder, bytes, size, address, insn) && address + insn->size <= label)
		return;
	memset(insn, 0, sizeof(*insn));
	insn->address = address;
	insn->size = listings->image->arch->step;
	insn->unknown = true;
	insn->kind = INSN_TRAP;
}

static bool append(struct listing *listing, const struct insn *insn)
{
	if (listing->count == listing->room) {
		size_t room = listing->room * 2 + 64;
		struct insn *more = (struct insn *)realloc(listing->insns, room * sizeof(*more));

		if (more == NULL)
			return false;
		listing->insns = more;
		listing->room = room;
	}
	listing->insns[listing->count++] = *insn;
	return true;
}

/* Returns the registers that an instruction copies to another register or to memory. */
static insn_set copied_by(const struct insn *insn)
{
	insn_set copied = insn->stored;

	/* An exchange of registers, or a move to a vector register, copies what it reads. */
	if (insn->kind == INSN_PLAIN && insn->memories == 0 && insn->sum.to == NO_REGISTER && !insn->sets_flags)
		copied |= insn->reads;
	if (insn->sum.to != NO_REGISTER && insn->sum.first.source == SOURCE_REGISTER && insn->sum.first.number != insn->sum.to)
		copied |= INSN_BIT(insn->sum.first.number);
	return copied;
}

/* Returns the registers that a function pushes anywhere. */
static insn_set pushed_in(const struct listing *listing)
{
	insn_set pushed = 0;

	for (size_t i = 0; i < listing->count; i++) {
		const struct insn *insn = &listing->insns[i];

		if (insn->memories == 1 && insn->memory[0].access == ACCESS_STORE && insn->memory[0].step < 0)
			pushed |= insn->stored;
	}
	return pushed;
}

/* Fills in `copied` and `returns`. A jump out of the function can lead to code that returns. */
static bool sum_up(struct listing *listing)
{
	insn_set copied = pushed_in(listing);

	listing->copied = (insn_set *)calloc(listing->count + 1, sizeof(insn_set));
	listing->returns = listing->guessed;
	for (size_t i = 0; listing->copied != NULL && i < listing->count; i++) {
		const struct insn *insn = &listing->insns[i];

		listing->copied[i] = copied;
		copied |= copied_by(insn);
		listing->returns |= insn->kind == INSN_INDIRECT || ((insn->kind == INSN_JUMP || insn->kind == INSN_BRANCH) &&
								    insn->target - listing->start >= listing->end - listing->start);
	}
	return listing->copied != NULL;
}

static bool decode_all(const struct listings *listings, struct listing *listing)
{
	struct insn insn;

	listing->targets = (bool *)calloc(listing->end - listing->start + 1, sizeof(bool));
	if (listing->targets == NULL)
		return false;
	for (uint64_t at = listing->start; at < listing->end; at += insn.size) {
		decode_one(listings, at, listing->end, &insn);
		if (!append(listing, &insn))
			return false;
		if ((insn.kind == INSN_JUMP || insn.kind == INSN_BRANCH) &&
		    insn.target - listing->start < listing->end - listing->start)
			listing->targets[insn.target - listing->start] = true;
	}
	return sum_up(listing);
}

/* Results of decoding at each byte before an address. They are kept, so that guess() decodes at each byte only once. */
struct before {
	uint64_t address;
	uint8_t sizes[GUESSED + 1]; /* the instruction's size, by its distance to the address; 0: not decoded yet */
	bool wrong[GUESSED + 1];    /* the bytes are no instruction */
};

/*
 * Decodes from `at` up to before->address. Returns the beginning of the last instruction, or 0 if no instruction ends exactly at
 * before->address.
 */
static uint64_t last_before(const struct listings *listings, uint64_t at, struct before *before)
{
	uint64_t last = 0;

	while (at < before->address) {
		uint64_t distance = before->address - at;
		struct insn insn;

		if (before->sizes[distance] == 0) {
			decode_one(listings, at, before->address, &insn);
			before->sizes[distance] = insn.size;
			before->wrong[distance] = insn.kind == INSN_TRAP && insn.unknown;
		}
		last = before->wrong[distance] ? 0 : at;
		at += before->sizes[distance];
	}
	return at == before->address ? last : 0;
}

/*
 * Guesses an address from which decoding leads to `address`. On x86, decoding from any byte mostly meets the real instructions
 * after a few steps. This function therefore tries several addresses, and returns one that finds the same last instruction
 * before `address` as most others. Returns 0 if none leads to `address`.
 */
static uint64_t guess(const struct listings *listings, const struct region *region, uint64_t address)
{
	struct before before = {.address = address};
	uint64_t last[TRIES], best = 0;
	unsigned most = 0, tries = 0;

	for (; tries < TRIES; tries++) {
		uint64_t back = GUESSED - (uint64_t)tries * listings->image->arch->step;

		last[tries] = address - region->address >= back ? last_before(listings, address - back, &before) : 0;
	}
	for (unsigned i = 0; i < tries; i++) {
		unsigned votes = 0;

		for (unsigned k = 0; k < tries; k++)
			votes += last[i] != 0 && last[k] == last[i];
		if (votes > most) {
			most = votes;
			best = address - (GUESSED - (uint64_t)i * listings->image->arch->step);
		}
	}
	return best;
}

/* Returns the end of the function: the first address after `address` at which another function begins. */
static uint64_t end_after(const struct image *image, const struct region *region, uint64_t address)
{
	uint64_t end = region->address + region->size;
	size_t first = COUNT_WHILE(i, image->start_count, image->starts[i] <= address);

	if (first < image->start_count && image->starts[first] < end)
		end = image->starts[first];
	return end - address > FUNCTION_MAX ? address + FUNCTION_MAX : end;
}

/* Does an instruction end at the address, and another instruction begin there? */
static bool leads_to(const struct listing *listing, uint64_t address)
{
	long index = listing_index(listing, address);

	return index > 0 && listing->insns[index].address == address && !listing->insns[index - 1].unknown;
}

const struct listing *listing_around(struct listings *listings, uint64_t address)
{
	const struct region *region = image_region(listings->image, address);
	struct listing *listing = &listings->last;
	uint64_t start;

	if (listing->start <= address && address < listing->end)
		return listing;
	forget(listing);
	if (region == NULL)
		return NULL;
	start = beginning_of(listings, region, address);
	listing->guessed = start == 0 || address - start > FUNCTION_MAX;
	if (listing->guessed)
		start = address - region->address > GUESSED ? address - GUESSED : region->address;
	listing->start = start;
	listing->end = end_after(listings->image, region, address);
	if (listing->guessed && listing->end - address > AFTER)
		listing->end = address + AFTER;
	return decode_all(listings, listing) ? listing : NULL;
}

const struct listing *listing_of(struct listings *listings, uint64_t address)
{
	const struct region *region = image_region(listings->image, address);
	struct listing *listing = &listings->last;
	uint64_t start;

	if (region == NULL || address == region->address)
		return NULL;
	if (listing_around(listings, address - 1) != NULL && !listing->guessed && address < listing->end &&
	    leads_to(listing, address))
		return listing;
	listing = &listings->near;
	forget(listing);
	start = guess(listings, region, address);
	if (start == 0)
		return NULL;
	listing->guessed = true;
	listing->start = start;
	listing->end = region->address + region->size - address > AFTER ? address + AFTER : region->address + region->size;
	return decode_all(listings, listing) ? listing : NULL;
}

long listing_index(const struct listing *listing, uint64_t address)
{
	size_t count = COUNT_WHILE(i, listing->count, listing->insns[i].address <= address);

	return count > 0 && address - listing->insns[count - 1].address < listing->insns[count - 1].size ? (long)count - 1 : -1;
}

bool listing_is_joined(const struct listing *listing, size_t number)
{
	const struct insn *insn = &listing->insns[number], *above;

	if (number == 0 || listing->targets[insn->address - listing->start])
		return true;
	above = insn - 1;
	return above->kind == INSN_JUMP || above->kind == INSN_INDIRECT || above->kind == INSN_TRAP;
}

bool listing_is_code(const struct listings *listings, const struct listing *listing, size_t number)
{
	while (number > 0 && !listing->targets[listing->insns[number].address - listing->start]) {
		const struct insn *above = &listing->insns[number - 1];
		uint64_t label = listing->insns[number].address;

		if (next_label(listings, label - 1) == label)
			return true;
		if (above->kind == INSN_JUMP || above->kind == INSN_INDIRECT || above->kind == INSN_TRAP)
			return false;
		number--;
	}
	return true;
}
