/* SPDX-License-Identifier: MIT */
/*
 * listing.h - a listing: the instructions of one function, one after another.
 *
 * Decoding begins where the function begins, and begins anew at each critical section's start label and abort handler. The
 * signature before an abort handler, which isn't always an instruction, therefore does no harm. Without symbols and unwind
 * information the function's beginning is guessed. Then only the instructions just before the address in question are reliable.
 */
#ifndef RK_TOOL_SECTIONS_LISTING_H
#define RK_TOOL_SECTIONS_LISTING_H

#include "find.h"

struct listing {
	uint64_t start, end;
	struct insn *insns;  /* bytes that can't be decoded are an unknown instruction of the kind INSN_TRAP */
	size_t count, room;
	bool *targets;       /* for each byte: whether an instruction of the listing jumps there */
	/*
	 * For each instruction: the registers that earlier instructions copy to another register or to memory, and the registers
	 * that any instruction of the listing pushes.
	 */
	insn_set *copied;
	bool returns;        /* the function can return */
	bool guessed;        /* the function's beginning was guessed */
};

struct listings {
	const struct image *image;
	struct decoder *decoder;
	uint64_t *labels;    /* sorted: start labels and abort handlers, where an instruction begins for certain */
	size_t label_count;
	struct listing last; /* the last listing of listing_around() */
	struct listing near; /* the last listing that listing_of() has guessed */
};

/* listings_begin() collects the labels, and returns false if memory is short. listings_end() frees everything. */
bool listings_begin(struct listings *listings, const struct image *image, struct decoder *decoder, const struct found *found);
void listings_end(struct listings *listings);

/*
 * Returns a listing that has the instruction before the address, and the instruction at the address. Returns NULL if there is no
 * such listing. The listing is valid until the next call.
 */
const struct listing *listing_of(struct listings *listings, uint64_t address);

/*
 * Returns the listing of the function that contains the address. If the function's beginning is far away or isn't known, returns
 * a listing of a few instructions at the address, whose beginning is guessed. Returns NULL if there is no code at the address.
 */
const struct listing *listing_around(struct listings *listings, uint64_t address);

/* Returns the number of the instruction that contains the address, or -1. */
long listing_index(const struct listing *listing, uint64_t address);

/*
 * Can this instruction be executed without the previous instruction? This is so if a jump leads to it, or if the code never goes
 * on after the previous instruction.
 */
bool listing_is_joined(const struct listing *listing, size_t number);

/*
 * Is this instruction reached without a jump if execution begins at the function's beginning, a label or a jump's target?
 * Otherwise it can be data, or only a computed jump leads there.
 */
bool listing_is_code(const struct listings *listings, const struct listing *listing, size_t number);

#endif /* RK_TOOL_SECTIONS_LISTING_H */
