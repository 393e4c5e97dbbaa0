/* SPDX-License-Identifier: MIT */
/*
 * rules_commit.c - the rules "commit", "off-by-one" and "long-commit" of `rseqkit lint`: a critical section must end with its
 * commit.
 *
 * The commit is a store by the section's last instruction. A private store, which no other thread sees, is declared in the table
 * __rseq_private_store_array, and is no commit.
 */
#include <stdlib.h>

#include "rules_commit.h"

#define AFTER_MAX 4 /* this many instructions after the end label are examined */

/*
 * Is the node a store that other threads can see? A store that is declared as private counts only if it is the section's last
 * instruction.
 */
static bool is_visible(const struct check *check, const struct section *section, const struct flow *flow,
		       const struct node *node)
{
	return node->reached && node_stores(node, NULL) && (!node->declared || node_is_last(section, node)) &&
	       !node_stores_to_stack(node, check->image->arch) && !node_stores_to_area(flow, node);
}

/*
 * How the paths that lead from a store without another visible store reach the end label. NOT_REACHED: none reaches it.
 * BY_BRANCH: only paths that end with a conditional branch reach it. BY_CODE: another path reaches it, too.
 */
enum ending { NOT_REACHED, BY_BRANCH, BY_CODE };

static enum ending ending_of(const struct check *check, const struct section *section, const struct flow *flow, size_t number)
{
	bool *seen = (bool *)calloc(section->count, sizeof(bool));
	size_t *stack = (size_t *)calloc(section->count + 1, sizeof(size_t)), depth = 0;
	enum ending ending = NOT_REACHED;

	if (seen != NULL && stack != NULL)
		stack[depth++] = number;
	while (depth > 0) {
		const struct node *node = &section->nodes[stack[--depth]];
		int edges[2] = {node->next, node->jump};

		for (int i = 0; i < 2; i++) {
			if (edges[i] == EDGE_END && i == 1 && node->insn.kind == INSN_BRANCH && ending == NOT_REACHED)
				ending = BY_BRANCH;
			else if (edges[i] == EDGE_END && (i == 0 || node->insn.kind == INSN_JUMP))
				ending = BY_CODE;
			if (edges[i] < 0 || seen[edges[i]] || is_visible(check, section, flow, &section->nodes[edges[i]]))
				continue;
			seen[edges[i]] = true;
			stack[depth++] = (size_t)edges[i];
		}
	}
	free(seen);
	free(stack);
	return ending;
}

/* Does the section load from the address, and does the value derive from this load, directly or by the addresses of loads? */
static bool derives_from(const struct section *section, const struct value *value, const struct value *address)
{
	uint64_t loads = value_loads(section, value);

	for (size_t i = 0; i < section->count && i < LOADS_MAX; i++)
		if ((loads >> i & 1) != 0 && section->nodes[i].insn.memories > 0 &&
		    value_equal(&section->nodes[i].effect.addresses[0], address))
			return true;
	return false;
}

static bool has_store(const struct check *check, const struct section *section)
{
	for (size_t i = 0; i < section->count; i++)
		if (node_stores(&section->nodes[i], NULL) && !node_stores_to_stack(&section->nodes[i], check->image->arch))
			return true;
	return false;
}

/*
 * Is a store after the end label the intended commit? There are two cases. In the first case, the instruction directly after the
 * label stores to an address from which the section loaded, or that is computed from a field of the area. In the second case, the
 * section has no store, and a later instruction stores a value that derives from the section's load from the same address.
 * An atomic instruction isn't a commit, because it needs no section.
 */
static bool is_missed(const struct check *check, const struct section *section, const struct flow *flow, const struct node *node,
		      bool first)
{
	const struct value *address;
	bool stores;
	unsigned which;

	if (!node_stores(node, &which) || node->insn.memory[which].atomic)
		return false;
	address = &node->effect.addresses[which];
	if (!place_is_comparable(address) || address->count == 0 || value_is_input(address, check->image->arch->stack) ||
	    value_is_input(address, check->image->arch->frame) || flow_is_area(flow, address, 8))
		return false;
	stores = has_store(check, section);
	if (!first)
		return !stores && place_is_data(section, flow, address) && derives_from(section, &node->effect.stored, address);
	if (place_is_loaded(section, address))
		return place_is_data(section, flow, address);
	/* If the section only loads, the store of a constant can be a mark that any thread may set. */
	return place_is_indexed(section, address) && (stores || !node->insn.stores_constant);
}

/* Looks for the intended commit in the code after the end label. Returns its address, or 0 if there is none. */
static uint64_t find_missed(const struct check *check, const struct section *section, const struct flow *flow)
{
	struct state state = section->after;
	uint64_t at = section->end;

	for (unsigned i = 0; section->ends && i < AFTER_MAX; i++) {
		struct node node = {.next = EDGE_NONE};

		if (!image_decode(check->image, check->decoder, at, &node.insn) || node.insn.unknown)
			return 0;
		flow_step(flow, &node.insn, LOADS_MAX, &state, &node.effect);
		if (is_missed(check, section, flow, &node, i == 0))
			return at;
		if (node.insn.kind != INSN_PLAIN || node_stores(&node, NULL))
			return 0;
		at += node.insn.size;
	}
	return 0;
}

/* Does a string instruction copy from the CPU's data to memory that can be the caller's? Then it's right to repeat it. */
static bool copies_out(const struct section *section, const struct node *node)
{
	return node->insn.memories == 2 && node->insn.memory[1].repeated && node->insn.memory[0].access == ACCESS_LOAD &&
	       value_is_of_cpu(section, &node->effect.addresses[0]) && !value_is_of_cpu(section, &node->effect.addresses[1]);
}

static void check_length(const struct section *section, const struct node *commit, struct findings *findings)
{
	unsigned which = 0;

	(void)node_stores(commit, &which);
	if (copies_out(section, commit))
		return;
	if (commit->insn.memory[which].repeated)
		add_finding(findings, ERROR_LONG_COMMIT, commit->insn.address,
			    "the commit is a string instruction; an abort in the middle leaves a part of its bytes stored");
	else if (commit->insn.memory[which].width > 8)
		add_finding(findings, NOTE_LONG_COMMIT, commit->insn.address,
			    "the commit stores more than 8 bytes at once, which readers on other CPUs can see in parts");
}


const struct node *commit_of(const struct section *section)
{
	for (size_t i = 0; i < section->count; i++)
		if (section->nodes[i].reached && node_is_last(section, &section->nodes[i]) &&
		    node_stores(&section->nodes[i], NULL))
			return &section->nodes[i];
	return NULL;
}

bool commit_is_early(const struct check *check, const struct section *section, const struct flow *flow, size_t number)
{
	const struct node *node = &section->nodes[number];

	return !node->declared && place_is_data(section, flow, node_address(node)) &&
	       ending_of(check, section, flow, number) == BY_CODE;
}

bool commit_check(const struct check *check, const struct section *section, const struct flow *flow, struct findings *findings)
{
	const struct node *commit = commit_of(section);
	uint64_t missed;

	/* A store that is declared as private is no commit. */
	if (commit != NULL && !commit->declared) {
		check_length(section, commit, findings);
		return true;
	}
	missed = find_missed(check, section, flow);
	if (missed != 0)
		add_finding(findings, ERROR_OFF_BY_ONE, missed,
			    "the end label is before the commit; a preemption between the end and this store isn't noticed, and "
			    "the store overwrites "
			    "another thread's");
	return missed == 0;
}
