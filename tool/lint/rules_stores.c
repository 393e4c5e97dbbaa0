/* SPDX-License-Identifier: MIT */
/*
 * rules_stores.c - the rules "commit", "off-by-one", "restart", "store", "long-commit" and "disarm": what a section stores.
 *
 * A section may store to its own thread's stack (a red zone), and store what no other thread sees before the commit. The commit
 * is the last instruction of the range. Addresses are compared only if they are made of inputs and of fields of the area. An
 * address that was loaded is never compared.
 */
#include <stdlib.h>

#include "check.h"

#define AREA_CS 8 /* offset of the field rseq_cs in the area */

/* Can the address be compared with others? */
static bool is_comparable(const struct value *address)
{
	return address->linear && !value_has(address, SYMBOL_LOAD, UINT32_MAX);
}

static bool is_area_store(const struct flow *flow, const struct node *node)
{
	unsigned which;

	return node_stores(node, &which) && flow_is_area(flow, &node->effect.addresses[which], node->insn.memory[which].width);
}

/* A store that is the commit, or that other threads may see. */
static bool is_visible(const struct check *check, const struct section *section, const struct flow *flow,
		       const struct node *node)
{
	return node->reached && node_stores(node, NULL) && (!node->declared || node_is_last(section, node)) &&
	       !node_stores_to_stack(node, check->image->arch) && !is_area_store(flow, node);
}

/* How a path from a store reaches the end without another visible store. */
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

/* The node that stores as the last instruction of the range; NULL if there is none. */
static const struct node *commit_of(const struct section *section)
{
	for (size_t i = 0; i < section->count; i++)
		if (section->nodes[i].reached && node_is_last(section, &section->nodes[i]) &&
		    node_stores(&section->nodes[i], NULL))
			return &section->nodes[i];
	return NULL;
}

static const struct value *stored_address(const struct node *node)
{
	unsigned which = 0;

	(void)node_stores(node, &which);
	return &node->effect.addresses[which];
}

/* Does the range load from the address? */
static bool is_loaded(const struct section *section, const struct value *address)
{
	for (size_t i = 0; i < section->count; i++) {
		const struct node *node = &section->nodes[i];
		enum insn_access access = node->insn.memories > 0 ? node->insn.memory[0].access : ACCESS_NONE;

		if (node->reached && (access == ACCESS_LOAD || access == ACCESS_UPDATE) &&
		    value_equal(&node->effect.addresses[0], address))
			return true;
	}
	return false;
}

/* Is the address made from a field of the area, which was loaded in the section or before it? */
static bool is_indexed(const struct section *section, const struct value *address)
{
	for (unsigned i = 0; i < REGISTERS; i++)
		if (value_has(address, i, i) && section->arming.stale[i] != 0)
			return true;
	return value_has(address, SYMBOL_FIELD, SYMBOL_LOAD - 1);
}

/* Is a value made from a field of the area, if need be by way of loads? `depth` limits these. */
static bool is_of_cpu(const struct section *section, const struct value *value, unsigned depth)
{
	if (value->fields != 0)
		return true;
	for (unsigned i = 0; i < REGISTERS; i++)
		if ((value->inputs & INSN_BIT(i)) != 0 && section->arming.stale[i] != 0)
			return true;
	for (size_t i = 0; depth > 0 && i < section->count && i < LOADS_MAX; i++)
		if ((value->loads >> i & 1) != 0 && is_of_cpu(section, &section->nodes[i].effect.addresses[0], depth - 1))
			return true;
	return false;
}

/*
 * Are all other accesses of the section near the address, or by way of loads? Those to the area and the stack don't count, nor
 * do loads that the address itself is made from.
 */
static bool is_alone(const struct section *section, const struct flow *flow, const struct value *address)
{
	for (size_t i = 0; i < section->count; i++) {
		const struct node *node = &section->nodes[i];

		if (i < LOADS_MAX && (address->loads >> i & 1) != 0)
			continue;
		for (unsigned k = 0; node->reached && k < node->insn.memories; k++) {
			const struct value *other = &node->effect.addresses[k];
			int64_t distance;

			if (node->insn.memory[k].access != ACCESS_NONE &&
			    (is_comparable(other) || is_of_cpu(section, other, 0)) && !flow_is_placed(flow, other) &&
			    !value_is_input(other, flow->image->arch->stack) && !value_distance(address, other, &distance))
				return false;
		}
	}
	return true;
}

/*
 * Does a store certainly go to data that other threads see? Its address is made from a field of the area. In a section that has
 * one place for all its data, whose index isn't known, the address was loaded, or the range loads from it. Other stores possibly
 * go to the caller's own memory.
 */
static bool is_to_data(const struct section *section, const struct flow *flow, const struct value *address)
{
	return is_of_cpu(section, address, 4) ||
	       ((address->loads != 0 || (is_comparable(address) && is_loaded(section, address))) &&
		is_alone(section, flow, address));
}

/* Does a path from the node reach the end, or another store? */
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

/* Does a store end the protection where it isn't needed any more: as the last instruction, or on a path that leaves? */
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
 * Is the instruction at the end label the store that was meant as the commit? It stores to an address that the range loaded
 * from, or that is made from a field of the area. Atomic instructions need no section.
 */
static bool is_off_by_one(const struct check *check, const struct section *section, const struct flow *flow)
{
	struct node node = {.next = EDGE_NONE};
	struct state state = section->after;
	const struct value *address;
	bool stores = false;
	unsigned which;

	if (!section->ends || !image_decode(check->image, check->decoder, section->end, &node.insn) || node.insn.unknown)
		return false;
	flow_step(flow, &node.insn, LOADS_MAX, &state, &node.effect);
	if (!node_stores(&node, &which) || node.insn.memory[which].atomic)
		return false;
	address = &node.effect.addresses[which];
	if (!is_comparable(address) || address->count == 0 || value_is_input(address, check->image->arch->stack) ||
	    value_is_input(address, check->image->arch->frame) || flow_is_area(flow, address, 8))
		return false;
	if (is_loaded(section, address))
		return is_to_data(section, flow, address);
	/* After a section that only loads, a constant is possibly a mark, which any thread may set. */
	for (size_t i = 0; node.insn.stores_constant && !stores && i < section->count; i++)
		stores = node_stores(&section->nodes[i], NULL);
	return is_indexed(section, address) && (stores || !node.insn.stores_constant);
}

/* Does the store's value derive from a load of the same address? Storing the same value once more does no harm. */
static bool stores_what_it_loaded(const struct section *section, const struct node *node)
{
	const struct value *address = stored_address(node), *stored = &node->effect.stored;

	if (!is_comparable(address) || node->effect.renewed || stored->settled ||
	    (stored->linear && stored->count == 1 && stored->constant == 0 && stored->terms[0].factor == 1))
		return false;
	for (size_t i = 0; i < section->count && i < LOADS_MAX; i++)
		if ((stored->loads >> i & 1) != 0 && section->nodes[i].insn.memories > 0 &&
		    value_equal(&section->nodes[i].effect.addresses[0], address))
			return true;
	return false;
}

/* Why a store before the commit does harm when the section starts again; NULL if it does none that is known. */
static const char *harm_of(const struct section *section, const struct flow *flow, const struct node *node,
			   const struct node *commit)
{
	unsigned which = 0;
	const struct insn_memory *memory;
	const struct value *address = stored_address(node);
	int64_t distance, length = 0;

	if (commit != NULL && node_stores(commit, &which))
		length = commit->insn.memory[which].width;
	(void)node_stores(node, &which);
	memory = &node->insn.memory[which];
	if (memory->access == ACCESS_UPDATE && !memory->again && !memory->maybe && !node->effect.renewed)
		return "memory is changed in place before the commit; after an abort the section starts again, and changes it "
		       "a second time";
	if (memory->access == ACCESS_STORE && stores_what_it_loaded(section, node))
		return "a word is loaded, changed and stored before the commit; after an abort the section starts again, and "
		       "changes it a second time";
	if (commit != NULL && is_comparable(address) && value_distance(address, stored_address(commit), &distance) &&
	    distance < (int64_t)memory->width && distance + length > 0 && is_to_data(section, flow, address))
		return "the commit's own word is stored to before the commit; after an abort it keeps this value, and the "
		       "section isn't undone";
	return NULL;
}

static void check_early(const struct check *check, const struct section *section, const struct flow *flow, size_t number,
			const struct node *commit, struct findings *findings)
{
	const struct node *node = &section->nodes[number];
	const char *harm = harm_of(section, flow, node, commit);

	if (!node->declared && is_to_data(section, flow, stored_address(node)) && ending_of(check, section, flow, number) == BY_CODE) {
		add_error(findings, "commit", node->insn.address,
			  "the last store isn't the last instruction of the range; an abort after it repeats the section, "
			  "though other threads have "
			  "seen the store");
		return;
	}
	if (harm != NULL)
		add_error(findings, "restart", node->insn.address, "%s", harm);
	else if (node->declared)
		return;
	else if (section->declares)
		add_error(findings, "store", node->insn.address,
			  "a store before the commit that isn't declared as private; if other threads see it, an aborted "
			  "section has changed data "
			  "without a commit");
	else
		add_note(findings, "store", node->insn.address,
			 "a store before the commit; other threads must not see it before the commit, which the bytes can't "
			 "show");
}

/* Does a string instruction copy out of the section's data to memory that is possibly the caller's own? It may start again. */
static bool copies_out(const struct section *section, const struct node *node)
{
	return node->insn.memories == 2 && node->insn.memory[1].repeated && node->insn.memory[0].access == ACCESS_LOAD &&
	       is_of_cpu(section, &node->effect.addresses[0], 4) && !is_of_cpu(section, &node->effect.addresses[1], 4);
}

static void check_commit(const struct section *section, const struct node *commit, struct findings *findings)
{
	unsigned which = 0;

	(void)node_stores(commit, &which);
	if (copies_out(section, commit))
		return;
	if (commit->insn.memory[which].repeated)
		add_error(findings, "long-commit", commit->insn.address,
			  "the commit is a string instruction; an abort in the middle leaves a part of its bytes stored");
	else if (commit->insn.memory[which].width > 8)
		add_note(findings, "long-commit", commit->insn.address,
			 "the commit stores more than 8 bytes at once, which readers on other CPUs possibly see in parts");
}

void rules_stores(const struct check *check, const struct section *section, struct findings *findings)
{
	struct flow flow = check->flow;
	const struct node *commit = commit_of(section);

	flow.has_area = section->arming.found;
	flow.area = section->arming.area;
	for (size_t i = 0; i < section->count; i++)
		if (section->nodes[i].reached && is_area_store(&flow, &section->nodes[i]) &&
		    !is_last_of_protection(check, section, &flow, i))
			add_error(findings, "disarm", section->nodes[i].insn.address,
				  "a store to the area inside the section; the section loses its descriptor, or the kernel's "
				  "fields become wrong");
	if (!section->complete || section->crosses)
		return;
	/* A store that is declared as private is no commit. */
	if (commit != NULL && !commit->declared) {
		check_commit(section, commit, findings);
	} else if (is_off_by_one(check, section, &flow)) {
		add_error(findings, "off-by-one", section->end,
			  "the end label is before the commit; a preemption between the end and this store isn't noticed, and "
			  "the store overwrites "
			  "another thread's");
		return;
	}
	for (size_t i = 0; i < section->count; i++) {
		const struct node *node = &section->nodes[i];

		if (node == commit || !node->reached || !node_stores(node, NULL) ||
		    node_stores_to_stack(node, check->image->arch) || is_area_store(&flow, node))
			continue;
		check_early(check, section, &flow, i, commit, findings);
	}
}
