/* SPDX-License-Identifier: MIT */
/*
 * rules_descriptor.c - the rules "descriptor", "abort", "overlap", and a part of "twice" of `rseqkit lint`: the kernel must
 * accept the descriptor, and no critical section may overlap another one.
 */
#include <inttypes.h>

#include "judge.h"

#define OTHERS_MAX 8	   /* for one section, at most this many overlapping sections are reported */
#define SEEN_MAX 1000	   /* one section is compared with at most this many descriptors */

#define ENDS "the kernel ends the process with SIGSEGV at the first preemption or signal in it"

static const struct {
	const char *fault, *effect;
} texts[] = {
	[SECTION_VERSION] = {"the version isn't 0", ENDS},
	[SECTION_FLAGS] = {"the flags aren't 0", ENDS},
	[SECTION_WRAPS] = {"start and length wrap around the address space", ENDS},
	[SECTION_EMPTY] = {"the length is 0", "no instruction is in the range, so nothing is protected"},
	[SECTION_NO_CODE] = {"the range isn't code", "the range isn't within one code section of the file, so it protects other "
						     "instructions than intended"},
	[SECTION_INSIDE] = {"the abort handler is inside the range", ENDS},
	[SECTION_NO_HANDLER] = {"the abort handler isn't code", "the first abort jumps to an address without code"},
};

/* Does the word before the abort handler have the signature? */
static void check_abort(const struct check *check, const struct section *section, struct findings *findings)
{
	uint64_t word;

	if (!image_number(check->image, section->abort - 4, 4, &word) || !image_is_code(check->image, section->abort - 4))
		add_finding(findings, ERROR_ABORT, section->abort,
			    "no signature precedes the abort handler; the kernel ends the process at the first abort");
	else if (word != check->image->arch->signature)
		add_finding(findings, ERROR_ABORT, section->abort,
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

	while (told < OTHERS_MAX && seen++ < SEEN_MAX &&
	       (other = starts_in(&check->starts, section->start, section->end, &next)) != NULL) {
		if (other->start != own->start || other->length != own->length) {
			told++;
			add_finding(findings, ERROR_OVERLAP, section->start,
				    "the range overlaps that of the section at 0x%" PRIx64
				    "; an abort in the common part runs the handler of "
				    "whichever descriptor was stored last",
				    other->start);
		}
	}
	next = 0;
	other = starts_in(&check->starts, section->abort, section->abort + 1, &next);
	if (other != NULL)
		add_finding(findings, ERROR_TWICE, section->abort,
			    "the abort handler lies inside the range of the section at 0x%" PRIx64
			    "; an abort continues in the middle "
			    "of that section, whose descriptor isn't stored",
			    other->start);
}

void rules_descriptor(const struct check *check, const struct section *section, struct findings *findings)
{
	const struct descriptor *descriptor = section->descriptor;

	if (section->fault == SECTION_ELSEWHERE) {
		add_finding(findings, NOTE_UNDECIDED, descriptor->address, "the abort handler is in another file");
	} else if (section->fault == SECTION_LONG) {
		add_finding(findings, NOTE_UNDECIDED, section->start,
			    "the range has %" PRIu64 " bytes, which is too long to be followed", descriptor->length);
	} else if (section->fault != SECTION_RIGHT) {
		add_finding(findings, ERROR_DESCRIPTOR, descriptor->address, "%s; %s", texts[section->fault].fault,
			    texts[section->fault].effect);
	} else {
		check_abort(check, section, findings);
		check_others(check, section, findings);
	}
}
