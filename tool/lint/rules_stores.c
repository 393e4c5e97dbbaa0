/* SPDX-License-Identifier: MIT */
/*
 * rules_stores.c - the rules "restart", "store", "disarm" and a part of "commit" of `rseqkit lint`: a critical section must not
 * change visible data before its commit. A node is an instruction of the section (section.h).
 *
 * Before the commit, a section may store to its thread's stack, and to memory that no other thread sees before the commit.
 */
#include <stdlib.h>

#include "rules_commit.h"

#define AREA_CS 8 /* offset of the field rseq_cs in the area */

/* Does a path from the node reach the end label, or a store that isn't to the stack? */
static bool goes_on(const struct check *check, const struct section *section, size_t number)
{
	bool *seen = (bool *)calloc(section->count, sizeof(bool)), on = seen == NULL;
	size_t *stack = (size_t *)calloc(section->count + 1, sizeof(size_t)), depth = 0;

	if (seen != NULL && stack != NULL)
		stack[depth++] = number;
	while (depth > 0) {
		const struct node *node = &section->nodes[stack[--depth]];
		int edges[2] = {node->next, node->jump};

		on |= node != &section->nodes[number] && node_stores(node, NULL) && !node_stores_to_stack(node, check->image->arch);
		for (int i = 0; i < 2; i++) {
			on |= edges[i] == EDGE_END;
			if (edges[i] < 0 || seen[edges[i]])
				continue;
			seen[edges[i]] = true;
			stack[depth++] = (size_t)edges[i];
		}
	}
	free(seen);
	free(stack);
	return on;
}

/*
 * Does the node store to rseq_cs only when the section has done its work? This is so if the node is the section's last
 * instruction, or is on a path that leaves the section without a commit.
 */
static bool is_last_of_protection(const struct check *check, const struct section *section, const struct flow *flow,
				  size_t number)
{
	const struct node *node = &section->nodes[number];
	unsigned which;
	int64_t distance;

	return node_stores(node, &which) && node->insn.memory[which].width == 8 &&
	       value_distance(&flow->area, &node->effect.addresses[which], &distance) && distance == AREA_CS &&
	       (node_is_last(section, node) || !goes_on(check, section, number));
}

/*
 * Is the stored value computed from a load from the same address, such as by an addition? Then a second execution changes the
 * memory again. A store of the unchanged value doesn't count.
 */
static bool stores_what_it_loaded(const struct section *section, const struct node *node)
{
	const struct value *address = node_address(node), *stored = &node->effect.stored;

	if (!place_is_comparable(address) || node->effect.renewed || stored->settled ||
	    (stored->linear && stored->count == 1 && stored->constant == 0 && stored->terms[0].factor == 1))
		return false;
	for (size_t i = 0; i < section->count && i < LOADS_MAX; i++)
		if ((stored->loads >> i & 1) != 0 && section->nodes[i].insn.memories > 0 &&
		    value_equal(&section->nodes[i].effect.addresses[0], address))
			return true;
	return false;
}

/* Does the section use the value that the node loaded: does it store or test the value, or compute an address from it? */
static bool is_used(const struct section *section, size_t number)
{
	for (size_t i = 0; i < section->count; i++) {
		const struct node *node = &section->nodes[i];
		uint64_t loads = node->effect.tested_loads | node->effect.stored.loads | node->effect.addresses[0].loads |
				 node->effect.addresses[1].loads;

		if (i != number && node->reached && number < LOADS_MAX && (loads >> number & 1) != 0)
			return true;
	}
	return false;
}

/* Returns why the node's store before the commit does harm if the section starts again; NULL if no harm is known. */
static const char *harm_of(const struct section *section, const struct flow *flow, const struct node *node,
			   const struct node *commit)
{
	unsigned which = 0;
	const struct insn_memory *memory;
	const struct value *address = node_address(node);
	int64_t distance, length = 0;

	if (commit != NULL && node_stores(commit, &which))
		length = commit->insn.memory[which].width;
	(void)node_stores(node, &which);
	memory = &node->insn.memory[which];
	if (memory->exchange && !node->effect.renewed && is_used(section, (size_t)(node - section->nodes)))
		return "a word is exchanged before the commit, and the section uses the old value; after an abort the section "
		       "starts again, and the old value is lost";
	if (memory->access == ACCESS_UPDATE && !memory->again && !memory->maybe && !node->effect.renewed)
		return "memory is changed in place before the commit; after an abort the section starts again, and changes it "
		       "a second time";
	if (memory->access == ACCESS_STORE && stores_what_it_loaded(section, node))
		return "a word is loaded, changed and stored before the commit; after an abort the section starts again, and "
		       "changes it a second time";
	if (commit != NULL && place_is_comparable(address) && value_distance(address, node_address(commit), &distance) &&
	    distance < (int64_t)memory->width && distance + length > 0 && place_is_data(section, flow, address))
		return "the commit's own word is stored to before the commit; after an abort it keeps this value, and the "
		       "section isn't undone";
	return NULL;
}

static void check_early(const struct check *check, const struct section *section, const struct flow *flow, size_t number,
			const struct node *commit, struct findings *findings)
{
	const struct node *node = &section->nodes[number];
	const char *harm = harm_of(section, flow, node, commit);

	if (commit_is_early(check, section, flow, number)) {
		add_finding(findings, ERROR_COMMIT, node->insn.address,
			    "the last store isn't the last instruction of the range; an abort after it repeats the section, "
			    "though other threads have "
			    "seen the store");
		return;
	}
	if (harm != NULL)
		add_finding(findings, ERROR_RESTART, node->insn.address, "%s", harm);
	else if (node->declared)
		return;
	else if (section->declares)
		add_finding(findings, ERROR_STORE, node->insn.address,
			    "a store before the commit that isn't declared as private; if other threads see it, an aborted "
			    "section has changed data "
			    "without a commit");
	else
		add_finding(findings, NOTE_STORE, node->insn.address,
			    "a store before the commit; other threads must not see it before the commit, and this tool can't "
			    "know whether they do");
}

void rules_stores(const struct check *check, const struct section *section, struct findings *findings)
{
	struct flow flow = check->flow;
	const struct node *commit = commit_of(section);

	flow.has_area = section->arming.found;
	flow.area = section->arming.area;
	for (size_t i = 0; i < section->count; i++)
		if (section->nodes[i].reached && node_stores_to_area(&flow, &section->nodes[i]) &&
		    !is_last_of_protection(check, section, &flow, i))
			add_finding(findings, ERROR_DISARM, section->nodes[i].insn.address,
				    "a store to the area inside the section; the section loses its descriptor, or the kernel's "
				    "fields become wrong");
	if (!section->complete || section->crosses || !commit_check(check, section, &flow, findings))
		return;
	for (size_t i = 0; i < section->count; i++) {
		const struct node *node = &section->nodes[i];

		if (node == commit || !node->reached || !node_stores(node, NULL) ||
		    node_stores_to_stack(node, check->image->arch) || node_stores_to_area(&flow, node))
			continue;
		check_early(check, section, &flow, i, commit, findings);
	}
}
