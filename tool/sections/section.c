/* SPDX-License-Identifier: MIT */
/* section.c - decodes a critical section along its paths, and finds out what is known about values on these paths. */
#include "section.h"

#include <stdlib.h>
#include <string.h>

#include "common/sorted.h"

/* The state of decoding one section. */
struct decoding {
	struct section *section;
	const struct image *image;
	struct decoder *decoder;
	int *numbers; /* for each byte of the section: the number of the node that begins there, or EDGE_NONE */
};

/* Returns the edge to an address. If the address has no node yet, makes a node. */
static int edge_to(struct decoding *decoding, uint64_t address)
{
	struct section *section = decoding->section;
	uint64_t offset = address - section->start;

	if (address == section->end)
		return EDGE_END;
	if (offset >= section->end - section->start)
		return EDGE_OUT;
	if (decoding->numbers[offset] != EDGE_NONE)
		return decoding->numbers[offset];
	if (section->count == NODES_MAX)
		return EDGE_NONE;
	section->nodes[section->count].insn.address = address;
	decoding->numbers[offset] = (int)section->count;
	return (int)section->count++;
}

/* Notes that the instruction at the address isn't known. */
static void tell_unknown(struct section *section, uint64_t address)
{
	if (section->complete)
		section->unknown = address;
	section->complete = false;
}

/* Decodes the instruction of a node, and finds its edges. */
static void decode_node(struct decoding *decoding, struct node *node)
{
	struct section *section = decoding->section;
	uint64_t address = node->insn.address, next;

	node->next = node->jump = EDGE_NONE;
	if (!image_decode(decoding->image, decoding->decoder, address, &node->insn)) {
		node->insn.address = address;
		node->insn.unknown = true;
		tell_unknown(section, address);
		return;
	}
	if (node->insn.unknown)
		tell_unknown(section, address);
	next = address + node->insn.size;
	if (node->insn.kind == INSN_JUMP || node->insn.kind == INSN_BRANCH)
		node->jump = edge_to(decoding, node->insn.target);
	if (node->insn.kind == INSN_JUMP || node->insn.kind == INSN_INDIRECT || node->insn.kind == INSN_TRAP)
		return;
	node->next = next > section->end ? EDGE_CROSSES : edge_to(decoding, next);
	section->crosses |= node->next == EDGE_CROSSES;
}

/*
 * A section that computes an address of its own code can jump there through a register. An indirect jump in such a section is
 * therefore unknown, except for returns.
 */
static void find_computed(struct section *section, int8_t stack)
{
	bool computes = false;

	for (size_t i = 0; i < section->count; i++) {
		const struct insn_sum *sum = &section->nodes[i].insn.sum;

		computes |= sum->to != NO_REGISTER && sum->first.source == SOURCE_NONE && sum->second.source == SOURCE_NONE &&
			    (uint64_t)sum->constant - section->start < section->end - section->start;
	}
	for (size_t i = 0; computes && i < section->count; i++) {
		struct insn *insn = &section->nodes[i].insn;

		if (insn->kind != INSN_INDIRECT || insn->memories > 0 || (insn->writes & INSN_BIT(stack)) != 0)
			continue;
		insn->unknown = true;
		tell_unknown(section, insn->address);
	}
}

/*
 * Fills in `written`, `changed`, `changed_high` and `mixed`. If an instruction reads and writes a register, and the result is
 * no sum, a second execution doesn't always change the register again. Write-back certainly changes it again.
 */
static void find_written(struct section *section)
{
	insn_set summed = 0;

	for (size_t i = 0; i < section->count; i++) {
		const struct node *node = &section->nodes[i];
		const struct insn *insn = &node->insn;
		insn_set mixed = insn->toggles ? 0 : insn->writes & insn->reads;

		section->written |= insn->writes;
		if (node->next < 0 && node->jump < 0)
			continue;
		if (insn->sum.to != NO_REGISTER &&
		    !(insn->sum.first.source == SOURCE_REGISTER && insn->sum.first.number == insn->sum.to &&
		      insn->sum.second.source == SOURCE_NONE && insn->sum.constant == 0))
			mixed &= ~INSN_BIT(insn->sum.to);
		for (unsigned k = 0; k < insn->memories; k++)
			if (insn->memory[k].step != 0 && insn->memory[k].base != NO_REGISTER)
				mixed &= ~INSN_BIT(insn->memory[k].base);
		section->changed |= insn->writes;
		section->changed_high |= insn->writes & ~insn->partly;
		summed |= insn->writes & ~mixed;
	}
	section->mixed = section->changed & ~summed;
}

/* Returns the last span of private stores that begins at `address` or before, or NULL. */
static const struct span *private_up_to(const struct found *found, uint64_t address)
{
	/* The spans are sorted by their starts. They don't overlap in files that assemblers make. */
	size_t count = COUNT_WHILE(i, found->private_count, found->private[i].start <= address);

	return count > 0 ? &found->private[count - 1] : NULL;
}

static bool is_declared(const struct found *found, uint64_t address)
{
	const struct span *span = private_up_to(found, address);

	return span != NULL && address < span->end;
}

/* Does an entry of the table of private stores begin in the section? */
static bool declares_stores(const struct found *found, const struct section *section)
{
	const struct span *span = private_up_to(found, section->end - 1);

	return span != NULL && span->start >= section->start;
}

static enum section_fault fault_of(const struct image *image, const struct descriptor *descriptor)
{
	const struct region *code = image_region(image, descriptor->start);

	if (descriptor->version != 0)
		return SECTION_VERSION;
	if (descriptor->flags != 0)
		return SECTION_FLAGS;
	if (descriptor->start + descriptor->length < descriptor->start)
		return SECTION_WRAPS;
	/* If the abort handler is in another object file, its address isn't known before the link. */
	if (image->object && descriptor->abort - IMAGE_OUTSIDE < 16 * (uint64_t)IMAGE_SYMBOLS_MAX)
		return SECTION_ELSEWHERE;
	if (descriptor->length == 0)
		return SECTION_EMPTY;
	if (code == NULL || !code->code || image_at(image, descriptor->start, descriptor->length) == NULL)
		return SECTION_NO_CODE;
	if (descriptor->abort - descriptor->start < descriptor->length)
		return SECTION_INSIDE;
	if (!image_is_code(image, descriptor->abort))
		return SECTION_NO_HANDLER;
	return descriptor->length > SECTION_LENGTH_MAX ? SECTION_LONG : SECTION_RIGHT;
}

void section_begin(struct section *section, const struct image *image, const struct descriptor *descriptor)
{
	memset(section, 0, sizeof(*section));
	section->descriptor = descriptor;
	section->start = descriptor->start;
	section->end = descriptor->start + descriptor->length;
	section->abort = descriptor->abort;
	section->fault = fault_of(image, descriptor);
}

bool section_decode(struct section *section, const struct image *image, const struct found *found, struct decoder *decoder)
{
	struct decoding decoding = {section, image, decoder, NULL};
	uint64_t length = section->end - section->start;
	struct node *less;

	section->complete = true;
	section->declares = declares_stores(found, section);
	section->nodes = (struct node *)calloc(length < NODES_MAX ? length + 1 : NODES_MAX, sizeof(*section->nodes));
	decoding.numbers = (int *)malloc(length * sizeof(int));
	if (section->nodes == NULL || decoding.numbers == NULL) {
		free(decoding.numbers);
		return false;
	}
	for (uint64_t i = 0; i < length; i++)
		decoding.numbers[i] = EDGE_NONE;
	(void)edge_to(&decoding, section->start);
	for (size_t i = 0; i < section->count; i++) {
		decode_node(&decoding, &section->nodes[i]);
		section->nodes[i].declared = is_declared(found, section->nodes[i].insn.address);
	}
	if (section->count == NODES_MAX)
		tell_unknown(section, section->start);
	find_computed(section, image->arch->stack);
	find_written(section);
	free(decoding.numbers);
	less = (struct node *)realloc(section->nodes, section->count * sizeof(*section->nodes));
	if (less != NULL)
		section->nodes = less;
	return true;
}

/*
 * A path arrives at an instruction with `state`. `place` is the state with which other paths have arrived there, if `reached` is
 * set. Joins both states in `place`. Returns true if `place` changed.
 */
static bool arrive(struct state *place, bool *reached, const struct state *state)
{
	if (*reached)
		return state_join(place, state);
	*place = *state;
	*reached = true;
	return true;
}

static bool arrive_at(struct node *node, const struct state *state)
{
	return arrive(&node->before, &node->reached, state);
}

/*
 * Makes the state at the start label. Each register is an input, except those that are known to hold the area's address plus a
 * constant.
 */
static void begin(const struct section *section, const struct flow *flow, struct state *state)
{
	state_begin(state);
	for (unsigned i = 0; flow->has_area && i < REGISTERS; i++)
		if (section->arming.placed[i]) {
			struct value distance = value_constant(section->arming.distance[i]);

			state->values[i] = value_sum(&flow->area, &distance, 1);
		}
}

bool section_follow(struct section *section, const struct flow *flow)
{
	bool *waiting = (bool *)calloc(section->count, sizeof(bool)), more = true;

	if (waiting == NULL)
		return false;
	begin(section, flow, &section->nodes[0].before);
	section->nodes[0].reached = waiting[0] = true;
	while (more) {
		more = false;
		for (size_t i = 0; i < section->count; i++) {
			struct node *node = &section->nodes[i];
			struct state after;

			if (!waiting[i])
				continue;
			waiting[i] = false;
			after = node->before;
			flow_step(flow, &node->insn, (unsigned)i, &after, &node->effect);
			if (node->next == EDGE_END)
				(void)arrive(&section->after, &section->ends, &after);
			if (node->next >= 0 && arrive_at(&section->nodes[node->next], &after))
				waiting[node->next] = more = true;
			if (node->jump >= 0 && arrive_at(&section->nodes[node->jump], &after))
				waiting[node->jump] = more = true;
		}
	}
	free(waiting);
	return true;
}

void section_forget(struct section *section)
{
	free(section->nodes);
	section->nodes = NULL;
	section->count = 0;
}

bool node_stores(const struct node *node, unsigned *which)
{
	for (unsigned i = 0; i < node->insn.memories; i++)
		if (node->insn.memory[i].access == ACCESS_STORE || node->insn.memory[i].access == ACCESS_UPDATE) {
			if (which != NULL)
				*which = i;
			return true;
		}
	return false;
}

bool node_stores_to_stack(const struct node *node, const struct arch *arch)
{
	unsigned which;

	return node_stores(node, &which) && value_is_input(&node->effect.addresses[which], arch->stack);
}

bool node_is_last(const struct section *section, const struct node *node)
{
	return node->next == EDGE_END && node->insn.address + node->insn.size == section->end;
}
