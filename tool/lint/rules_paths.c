/* SPDX-License-Identifier: MIT */
/*
 * rules_paths.c - the rules "exit" and "callee-saved" of `rseqkit lint`. A jump out of a critical section must be in the table
 * __rseq_exit_point_array. A section must not change a register that the function has to preserve and hasn't saved.
 */
#include <inttypes.h>

#include "common/sorted.h"
#include "judge.h"

#define FOLLOWED_MAX 16 /* after a jump out of the section, this many instructions are followed to a target in the table */

/* Does the table __rseq_exit_point_array have this target for the section? Jumps to the abort handler need no entry. */
static bool is_recorded(const struct check *check, const struct section *section, uint64_t target)
{
	const struct found *found = &check->found;
	size_t first = COUNT_WHILE(i, found->exit_count, found->exits[i].start < section->start);

	if (target == section->abort)
		return true;
	for (; first < found->exit_count && found->exits[first].start == section->start; first++)
		if (found->exits[first].target == target)
			return true;
	return false;
}

/* Does the code at `target`, without branches, lead to a target in the table? The table can have the target of a later jump. */
static bool leads_to_recorded(const struct check *check, const struct section *section, uint64_t target)
{
	for (int i = 0; i < FOLLOWED_MAX; i++) {
		struct insn insn;

		if (is_recorded(check, section, target))
			return true;
		if (!image_decode(check->image, check->decoder, target, &insn) || insn.unknown)
			return false;
		if (insn.kind == INSN_JUMP)
			target = insn.target;
		else if (insn.kind == INSN_PLAIN)
			target += insn.size;
		else
			return false;
	}
	return false;
}

static void check_exits(const struct check *check, const struct section *section, struct findings *findings)
{
	for (size_t i = 0; i < section->count; i++) {
		const struct node *node = &section->nodes[i];

		if (node->jump == EDGE_OUT && !leads_to_recorded(check, section, node->insn.target))
			add_finding(findings, NOTE_EXIT, node->insn.address,
				    "a way out to 0x%" PRIx64
				    " that __rseq_exit_point_array doesn't have; a debugger that steps over the section "
				    "misses it",
				    node->insn.target);
	}
}

/* Returns the name of a register for messages. */
static const char *name_of(const struct arch *arch, int number)
{
	return number < FIRST_VECTOR && arch->names[number] != NULL ? arch->names[number] : "a vector register";
}

static void check_saved(const struct check *check, const struct section *section, struct findings *findings)
{
	const struct arch *arch = check->image->arch;
	insn_set candidates = section->written & arch->saved & ~section->arming.copied;

	/* A function that never returns needs no registers of its caller. */
	if (!section->arming.returns)
		return;
	for (int i = 0; i < REGISTERS; i++)
		if ((candidates & INSN_BIT(i)) != 0 && lines_is_unsaved(check->lines, section->start, i))
			add_finding(findings, ERROR_CALLEE_SAVED, section->start,
				    "the section writes %s, which the function hasn't saved; the caller loses its value (the asm "
				    "statement must name it "
				    "as clobbered)",
				    name_of(arch, i));
}

void rules_paths(struct check *check, const struct section *section, struct findings *findings)
{
	if (check->found.has_exits)
		check_exits(check, section, findings);
	check_saved(check, section, findings);
}
