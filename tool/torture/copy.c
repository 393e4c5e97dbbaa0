/* SPDX-License-Identifier: MIT */
/*
 * copy.c - makes the structures that `rseqkit torture` keeps of a child of fork. The child has its parent's modules (ELF files
 * with critical sections), and those of its parent's breakpoints that inherit.c finds.
 */
#include <string.h>

#include "space.h"

/* In a random run (--random): sets a breakpoint in each section that has inherited none from the parent. */
static void fill_random(struct process *process, struct mapping *mapping)
{
	for (uint32_t i = 0; i < mapping->module->section_count; i++) {
		const struct torture_section *section = &mapping->module->sections[i];
		bool any = section->count == 0;

		for (uint32_t j = catalog_find(mapping->module, section->start); j < mapping->module->insn_count && !any; j++) {
			if (mapping->module->insns[j].address >= section->end)
				break;
			any = mapping->module->insns[j].section == i && mapping->set[j] == BREAKPOINT_SET;
		}
		while (!any)
			any = process_set_random(process, mapping, i);
	}
}

struct process *process_copy(const struct process *parent, pid_t pid, const struct torture_settings *settings,
			     struct torture_result *result)
{
	struct process *process = process_new(pid);

	if (process == NULL)
		return NULL;
	memcpy(process->extras, parent->extras, FUNCTIONS * sizeof(process->extras[0]));
	process->spared = parent->spared;
	process->thread_local = parent->thread_local;
	for (int kind = 0; kind < FUNCTIONS; kind++) {
		process->extras[kind].copied = false;
		extra_inherit(process, (enum extra_kind)kind);
		(void)extra_set(process, (enum extra_kind)kind);
	}
	for (const struct mapping *one = parent->mappings; one != NULL; one = one->next) {
		struct mapping *copy = process_add_mapping(process, one->module, one->bias);

		if (copy == NULL)
			break;
		memcpy(copy->set, one->set, one->module->insn_count);
		memcpy(copy->ends, one->ends, one->module->section_count);
		copy->seen = one->seen;
		process_inherit(process, copy, false);
		if (settings->random > 0 && !process->spared)
			fill_random(process, copy);
	}
	if (parent->unloads) { /* the parent may have unloaded a module after the fork, and the child can still have it */
		process->inherits = process->unloads = true;
		process_scan(process, pid, settings, result);
	}
	if (parent->spared)
		process_spare(process, parent->paused == parent->pid);
	return process;
}
