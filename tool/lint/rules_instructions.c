/* SPDX-License-Identifier: MIT */
/*
 * rules_instructions.c - the rules "call", "system-call", "trap", "indirect" and "stack" of `rseqkit lint`: instructions that a
 * critical section must not have. Only instructions to which a path from the start label leads count.
 */
#include "judge.h"

/* For each kind of instruction: the rule that forbids it, and the message. The text is NULL if the kind is allowed. */
static const struct {
	enum rule rule;
	const char *text;
} kinds[] = {
	[INSN_CALL] =
		{ERROR_CALL,
		 "a call leaves the range; a preemption in the called function isn't noticed, and the section then continues "
		 "with another thread's data"},
	[INSN_SYSTEM_CALL] =
		{ERROR_SYSTEM_CALL,
		 "a system call inside a section; the kernel may end the process for it, and the call isn't undone "
		 "by an abort"},
	[INSN_TRAP] =
		{ERROR_TRAP,
		 "an instruction that always traps; its signal aborts the section each time, so the section never commits"},
	[INSN_INDIRECT] = {ERROR_INDIRECT,
			   "a jump to an address that isn't known, or a return; it leaves the section without a commit, "
			   "or enters another one"},
};

#define FOLLOWED_MAX 16 /* this many instructions of the abort handler are examined */

/* Does the abort handler set the stack pointer from another register (mov %rbp,%rsp; leave) before it uses the stack pointer? */
static bool handler_sets_stack(const struct check *check, const struct section *section)
{
	const struct arch *arch = check->image->arch;
	uint64_t at = section->abort;

	for (int i = 0; i < FOLLOWED_MAX; i++) {
		struct insn insn;
		bool reads, writes, frame;

		if (!image_decode(check->image, check->decoder, at, &insn) || insn.unknown)
			return false;
		reads = (insn.reads & INSN_BIT(arch->stack)) != 0;
		writes = (insn.writes & INSN_BIT(arch->stack)) != 0;
		frame = (insn.reads & insn.writes & INSN_BIT(arch->frame)) != 0;
		if (insn.kind == INSN_PLAIN && writes && (!reads || frame))
			return true;
		if (reads || writes || (insn.kind != INSN_PLAIN && insn.kind != INSN_JUMP))
			return false;
		at = insn.kind == INSN_JUMP ? insn.target : at + insn.size;
	}
	return false;
}

static void check_node(const struct check *check, const struct section *section, const struct node *node,
		       struct findings *findings)
{
	const struct insn *insn = &node->insn;

	if (node->next == EDGE_CROSSES)
		add_finding(findings, ERROR_DESCRIPTOR, insn->address,
			    "the end label is inside an instruction; an abort after this instruction began repeats what it did");
	if ((size_t)insn->kind < sizeof(kinds) / sizeof(kinds[0]) && kinds[insn->kind].text != NULL && !insn->unknown)
		add_finding(findings, kinds[insn->kind].rule, insn->address, "%s", kinds[insn->kind].text);
	if (insn->kind != INSN_PLAIN || (insn->writes & INSN_BIT(check->image->arch->stack)) == 0)
		return;
	if (handler_sets_stack(check, section))
		add_finding(findings, NOTE_STACK, insn->address,
			    "the stack pointer changes inside the section; the abort handler sets it anew");
	else
		add_finding(findings, ERROR_STACK, insn->address,
			    "the stack pointer changes inside the section; after an abort it has either value, so the function "
			    "returns to a "
			    "wrong address");
}

void rules_instructions(const struct check *check, const struct section *section, struct findings *findings)
{
	for (size_t i = 0; i < section->count; i++)
		check_node(check, section, &section->nodes[i], findings);
	if (!section->complete)
		add_finding(findings, NOTE_UNDECIDED, section->unknown,
			    "this instruction isn't known to this tool, so most rules can't be decided for this section");
}
