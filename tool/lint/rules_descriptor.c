/* SPDX-License-Identifier: MIT */
/*
 * rules_descriptor.c - the rules "descriptor", "abort", "overlap", and a part of "twice" of `rseqkit lint`: the kernel must
 * accept the descriptor, and no critical section may overlap another one.
 */
#include <inttypes.h>

#include "check.h"

#define LENGTH_MAX 0x10000 /* a section with more bytes isn't followed */
#define OTHERS_MAX 8	   /* for one section, at most this many overlapping sections are reported */
#define SEEN_MAX 1000	   /* one section is compared with at most this many descriptors */

/* Returns what happens because the descriptor is wrong; NULL if it is right. name_of_fault() says what is wrong. */
static const char *fault_of(const struct check *check, const struct descriptor *descriptor)
{
	const struct region *code = image_region(check->image, descriptor->start);
	const char *ends = "the kernel ends the process with SIGSEGV at the first preemption or signal in it";

	if (descriptor->version != 0)
		return ends;
	if (descriptor->flags != 0)
		return ends;
	if (descriptor->start + descriptor->length < descriptor->start)
		return ends;
	if (descriptor->length == 0)
		return "no instruction is in the range, so nothing is protected";
	if (code == NULL || !code->code || image_at(check->image, descriptor->start, descriptor->length) == NULL)
		return "the range isn't within one code section of the file, so it protects other instructions than intended";
	if (descriptor->abort - descriptor->start < descriptor->length)
		return ends;
	if (!image_is_code(check->image, descriptor->abort))
		return "the first abort jumps to an address without code";
	return NULL;
}

static const char *name_of_fault(const struct check *check, const struct descriptor *descriptor)
{
	if (descriptor->version != 0)
		return "the version isn't 0";
	if (descriptor->flags != 0)
		return "the flags aren't 0";
	if (descriptor->start + descriptor->length < descriptor->start)
		return "start and length wrap around the address space";
	if (descriptor->length == 0)
		return "the length is 0";
	if (descriptor->abort - descriptor->start < descriptor->length)
		return "the abort handler is inside the range";
	if (!image_is_code(check->image, descriptor->abort))
		return "the abort handler isn't code";
	return "the range isn't code";
}

/* Does the word before the abort handler have the signature? */
static void check_abort(const struct check *check, const struct section *section, struct findings *findings)
{
	uint64_t word;

	if (!image_number(check->image, section->abort - 4, 4, &word) || !image_is_code(check->image, section->abort - 4))
		add_error(findings, "abort", section->abort,
			  "no signature precedes the abort handler; the kernel ends the process at the first abort");
	else if (word != check->image->arch->signature)
		add_error(findings, "abort", section->abort,
			  "the word before the abort handler is 0x%08" PRIx32
			  ", but the C library registers threads with 0x%08" PRIx32
			  "; the kernel ends the process at the first abort",
			  (uint32_t)word, check->image->arch->signature);
}

/* Reports at most OTHERS_MAX sections that overlap with this one. Descriptors of the same range don't count. */
static void check_others(const struct check *check, const struct section *section, struct findings *findings)
{
	const struct descriptor *own = section->descriptor, *other;
	size_t next = 0;
	int told = 0, seen = 0;

	while (told < OTHERS_MAX && seen++ < SEEN_MAX && (other = starts_in(&check->starts, section->start, section->end, &next)) != NULL) {
		if (other->start != own->start || other->length != own->length) {
			told++;
			add_error(findings, "overlap", section->start,
				  "the range overlaps that of the section at 0x%" PRIx64
				  "; an abort in the common part runs the handler of "
				  "whichever descriptor was stored last",
				  other->start);
		}
	}
	next = 0;
	other = starts_in(&check->starts, section->abort, section->abort + 1, &next);
	if (other != NULL)
		add_error(findings, "twice", section->abort,
			  "the abort handler lies inside the range of the section at 0x%" PRIx64
			  "; an abort continues in the middle "
			  "of that section, whose descriptor isn't stored",
			  other->start);
}

static bool is_outside(uint64_t address)
{
	return address - IMAGE_OUTSIDE < 16 * (uint64_t)IMAGE_SYMBOLS_MAX;
}

void rules_descriptor(const struct check *check, struct section *section, struct findings *findings)
{
	const struct descriptor *descriptor = section->descriptor;
	const char *fault = fault_of(check, descriptor);

	/* If the abort handler is in another object file, its address isn't known before the link. */
	if (fault != NULL && check->image->object && descriptor->start + descriptor->length >= descriptor->start &&
	    (descriptor->version | descriptor->flags) == 0 && is_outside(descriptor->abort)) {
		add_note(findings, "undecided", descriptor->address, "the abort handler is in another file");
		return;
	}
	if (fault != NULL) {
		add_error(findings, "descriptor", descriptor->address, "%s; %s", name_of_fault(check, descriptor), fault);
		return;
	}
	if (descriptor->length > LENGTH_MAX) {
		add_note(findings, "undecided", section->start,
			 "the range has %" PRIu64 " bytes, which is too long to be followed", descriptor->length);
		return;
	}
	section->valid = true;
	check_abort(check, section, findings);
	check_others(check, section, findings);
}
