/* SPDX-License-Identifier: MIT */
/* lint_findings.c - the table of the rules of `rseqkit lint`, and the list of what they find. */
#include "findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const struct rule_row rule_rows[RULES] = {
	[ERROR_DESCRIPTOR] = {"descriptor", true,
		"the kernel rejects the descriptor and ends the process, or the descriptor protects other instructions "
		"than those meant"},
	[ERROR_ABORT] = {"abort", true,
		"the word before the abort handler isn't the signature, so the kernel ends the process at the first abort"},
	[ERROR_CALL] = {"call", true, "a call in the range: the range doesn't cover the called function"},
	[ERROR_SYSTEM_CALL] = {"system-call", true, "a system call in the range"},
	[ERROR_TRAP] = {"trap", true, "an instruction in the range that always raises a signal"},
	[ERROR_INDIRECT] = {"indirect", true, "a return in the range, or a jump to an unknown address"},
	[ERROR_ENTRY] = {"entry", true, "a jump into the range from outside, which misses the store of the descriptor"},
	[ERROR_OVERLAP] = {"overlap", true, "two ranges share instructions"},
	[ERROR_COMMIT] = {"commit", true, "the last store isn't the last instruction of the range"},
	[ERROR_OFF_BY_ONE] = {"off-by-one", true, "the end label is before the commit"},
	[ERROR_RESTART] = {"restart", true,
		"memory is changed before the commit in such a way that a second attempt changes it again"},
	[ERROR_CLOBBER] = {"clobber", true,
		"the abort handler starts the section again, which reads a register, or the flags, that it has changed"},
	[ERROR_STALE_INDEX] = {"stale-index", true, "the index was loaded before the section, which doesn't compare it"},
	[ERROR_PRE_ARM] = {"pre-arm", true,
		"an instruction lies between the store of the descriptor and the start label, or the store is wrong"},
	[ERROR_UNREGISTERED] = {"unregistered", true, "the index is cpu_id or mm_cid, and cpu_id isn't tested"},
	[ERROR_OTHER_FIELD] = {"other-field", true,
		"the section compares another field than the field that it uses as the index"},
	[ERROR_LONG_COMMIT] = {"long-commit", true, "the commit is a string instruction"},
	[ERROR_STACK] = {"stack", true, "the stack pointer changes in the range"},
	[ERROR_CALLEE_SAVED] = {"callee-saved", true, "the section writes a register that the function hasn't saved"},
	[ERROR_DISARM] = {"disarm", true, "a store to the area in the range"},
	[ERROR_TWICE] = {"twice", true,
		"one descriptor is stored at two places, or the abort handler is inside another range"},
	[ERROR_STORE] = {"store", true,
		"a store before the commit isn't declared as private, in a file that declares such stores"},
	[NOTE_STORE] = {"store", false, "a store before the commit, which other threads must not see before the commit"},
	[NOTE_EXIT] = {"exit", false,
		"an exit of the section that __rseq_exit_point_array doesn't have, or a file without this table"},
	[NOTE_LONG_COMMIT] = {"long-commit", false, "the commit stores more than 8 bytes"},
	[NOTE_CLOBBER] = {"clobber", false,
		"a path with branches or calls can start the section again, which reads a register, or the flags, that it "
		"has changed"},
	[NOTE_ENTRY] = {"entry", false, "bytes that look like a jump into the range, but can be data"},
	[NOTE_STACK] = {"stack", false, "the stack pointer changes in the range, and the abort handler sets it anew"},
	[NOTE_UNDECIDED] = {"undecided", false,
		"an instruction that rseqkit lint doesn't know, or a section for which no store of the descriptor was "
		"found"},
};

void add_finding(struct findings *findings, enum rule rule, uint64_t address, const char *format, ...)
{
	struct finding *more = (struct finding *)realloc(findings->list, (findings->count + 1) * sizeof(*more));
	va_list arguments;

	if (more == NULL) {
		findings->short_of_memory = true;
		return;
	}
	findings->list = more;
	more += findings->count++;
	more->rule = &rule_rows[rule];
	more->address = address;
	va_start(arguments, format);
	vsnprintf(more->text, sizeof(more->text), format, arguments);
	va_end(arguments);
}
