/* SPDX-License-Identifier: MIT */
/*
 * rules_arming.c - the rules "pre-arm", a part of "twice", and "entry" of `rseqkit lint`. A critical section must be entered only
 * at its start label, directly after the store of its descriptor's address.
 */
#include <inttypes.h>

#include "common/sorted.h"
#include "judge.h"

static void check_store(struct check *check, struct section *section, struct findings *findings)
{
	uint64_t place;

	switch (arms_look(&check->listings, &check->flow, section, &place)) {

	case ARMS_EARLY:
		add_finding(findings, ERROR_PRE_ARM, place,
			    "an instruction lies between the store of the descriptor and the start label; an abort there clears "
			    "the "
			    "descriptor, and the section runs without protection");
		break;
	case ARMS_NARROW:
		add_finding(findings, ERROR_PRE_ARM, place,
			    "the store of the descriptor isn't 8 bytes wide; the kernel reads 8 bytes, and ends the process if "
			    "the rest isn't 0");
		break;
	case ARMS_OTHER:
		/* If several descriptors have this start label, the stored address can be that of another one of them. */
		if (starts_at(&check->starts, section->start) > 1)
			break;
		add_finding(findings, ERROR_PRE_ARM, place,
			    "the store before the start label activates another section's descriptor, so this section has no "
			    "protection");
		break;
	case ARMS_UNKNOWN:
		add_finding(findings, NOTE_UNDECIDED, section->start, "no store of the descriptor was found before the start label");
		break;
	case ARMS_LIKELY:
		add_finding(findings, NOTE_UNDECIDED, place, "what the store before the start label stores isn't known");
		break;
	case ARMS_RIGHT:
		break;
	}
}

/* Is the instruction at the address like the section's first instruction? Then it begins a copy of the section. */
static bool is_copy(const struct check *check, const struct section *section, uint64_t address)
{
	const struct insn *first = &section->nodes[0].insn;
	struct insn insn;

	return image_decode(check->image, check->decoder, address, &insn) && insn.kind == first->kind &&
	       insn.memories == first->memories && insn.memory[0].access == first->memory[0].access &&
	       insn.memory[0].width == first->memory[0].width && insn.memory[0].thread == first->memory[0].thread &&
	       insn.memory[0].displacement == first->memory[0].displacement;
}

/*
 * Finds other instructions that store this section's descriptor's address, and after which no section starts. If the next
 * instruction is like the section's first one, a compiler has copied the section. Otherwise the finding is a note.
 */
static void check_other_stores(const struct check *check, const struct section *section, struct findings *findings)
{
	const struct arming *arming = &section->arming;
	size_t first = COUNT_WHILE(i, check->armed_count, check->armed[i].descriptor < section->descriptor->address);

	for (; first < check->armed_count && check->armed[first].descriptor == section->descriptor->address; first++) {
		const struct armed *armed = &check->armed[first];

		if (armed->address == arming->address ||
		    armed->thread != arming->thread || armed->displacement != arming->displacement ||
		    starts_at(&check->starts, armed->end) > 0)
			continue;
		if (!is_copy(check, section, armed->end)) {
			add_finding(findings, NOTE_UNDECIDED, armed->address,
				    "the descriptor of the range at 0x%" PRIx64
				    " is stored here, too; what follows isn't like that range",
				    section->start);
			continue;
		}
		add_finding(findings, ERROR_TWICE, armed->address,
			    "the descriptor is stored here, too, but its range is at 0x%" PRIx64
			    "; the code after this store has no protection "
			    "(an asm statement that the compiler duplicated needs %%= in its labels)",
			    section->start);
	}
}

static void check_entries(const struct check *check, const struct section *section, struct findings *findings)
{
	size_t first = COUNT_WHILE(i, check->entry_count, check->entries[i].target < section->start);

	for (; first < check->entry_count && check->entries[first].target < section->end; first++) {
		const struct entry *entry = &check->entries[first];

		if (!entry->sure) {
			add_finding(findings, NOTE_ENTRY, entry->source,
				    "this may be a jump into the range at 0x%" PRIx64 " from outside, or data", entry->target);
			continue;
		}
		add_finding(findings, ERROR_ENTRY, entry->source,
			    entry->target == section->start
			    ? "a jump to the start label at 0x%" PRIx64
			    " from outside; it misses the store of the descriptor, so the section has no "
			    "protection"
			    : "a jump into the range at 0x%" PRIx64
			    " from outside; it misses the store of the descriptor, so the section has no "
			    "protection",
			    entry->target);
	}
}

void rules_arming(struct check *check, struct section *section, struct findings *findings)
{
	check_store(check, section, findings);
	if (section->arming.found)
		check_other_stores(check, section, findings);
	check_entries(check, section, findings);
}
