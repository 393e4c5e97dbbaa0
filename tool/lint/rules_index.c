/* SPDX-License-Identifier: MIT */
/*
 * rules_index.c - the rules "stale-index", "other-field" and "unregistered" of `rseqkit lint`: a critical section must use the
 * right index for its data.
 *
 * The index is a field of the area, such as cpu_id. A section must either load the index itself, or compare the field with an
 * index that was loaded before the section.
 */
#include "judge.h"

/* How a section uses the fields of the area. */
struct use {
	uint8_t own, stale;  /* fields from which the section computes addresses: loaded in the section, and before the section */
	uint64_t place;      /* the instruction of the first access by a field that was loaded before the section */
	uint64_t own_place;  /* the instruction of the first access by a field that was loaded in the section */
	uint8_t tested;      /* fields on which conditions depend */
	uint8_t compared;    /* fields of `tested` that can be compared with another number than 0 */
	bool tested_vague;   /* a condition can depend on any field */
};

static bool is_slot(const struct slot *slot, const struct value *address)
{
	return value_is_input(address, slot->base) && address->constant == slot->distance;
}

/* Does the section store to this word on the stack? If so, its load from there can read what it stored itself. */
static bool stores_to(const struct section *section, const struct slot *slot)
{
	unsigned which;

	for (size_t i = 0; i < section->count; i++)
		if (node_stores(&section->nodes[i], &which) && is_slot(slot, &section->nodes[i].effect.addresses[which]))
			return true;
	return false;
}

/*
 * If the node loads a word from the stack that code before the section stored, returns the fields from which this word derives.
 */
static uint8_t fields_kept(const struct section *section, size_t number)
{
	const struct node *node = &section->nodes[number];
	uint8_t kept = 0;

	for (unsigned i = 0; node->insn.memories > 0 && i < section->arming.slot_count; i++) {
		const struct slot *slot = &section->arming.slots[i];

		if (is_slot(slot, &node->effect.addresses[0]) && !stores_to(section, slot))
			kept |= slot->fields;
	}
	return kept;
}

/* Notes an access to the address by the instruction at `place`. `kept` has the result of fields_kept() for each load. */
static void use_address(const struct section *section, const struct value *address, const uint8_t *kept, uint64_t place,
			struct use *use)
{
	uint8_t stale = 0;

	for (unsigned i = 0; i < REGISTERS; i++)
		if ((address->inputs & INSN_BIT(i)) != 0)
			stale |= section->arming.stale[i];
	for (unsigned i = 0; i < LOADS_MAX; i++)
		if ((address->loads >> i & 1) != 0)
			stale |= kept[i];
	if (stale != 0 && use->stale == 0)
		use->place = place;
	if (address->fields != 0 && use->own == 0)
		use->own_place = place;
	use->stale |= stale;
	use->own |= address->fields;
}

/* Can the address be in the area, though this isn't known? An address that derives from a register with an index isn't. */
static bool may_be_area(const struct section *section, const struct flow *flow, const struct value *address, unsigned width)
{
	if (flow_is_placed(flow, address) || address->fields != 0 || value_is_input(address, flow->image->arch->stack))
		return false;
	for (unsigned i = 0; i < REGISTERS; i++)
		if ((address->inputs & INSN_BIT(i)) != 0 && section->arming.stale[i] != 0)
			return false;
	/*
	 * A load of eight bytes can read cpu_id_start and cpu_id at once. From an address that was loaded it mostly reads other
	 * data.
	 */
	return width <= 4 || (width == 8 && address->linear && address->count == 1);
}

/*
 * Does the node's condition depend on a load that can read the area through another register? Then it isn't known whether the
 * section tests a field.
 */
static bool tests_unknown(const struct section *section, const struct flow *flow, const struct node *node)
{
	for (size_t i = 0; i < section->count && i < LOADS_MAX; i++) {
		const struct node *load = &section->nodes[i];

		if ((node->effect.tested_loads >> i & 1) != 0 && load->insn.memories > 0 &&
		    may_be_area(section, flow, &load->effect.addresses[0], load->insn.memory[0].width))
			return true;
	}
	return node->effect.tested_loads >> LOADS_MAX != 0;
}

/* Does the node's condition depend on a load from memory outside the area? */
static bool tests_other(const struct section *section, const struct flow *flow, const struct node *node)
{
	for (size_t i = 0; i < section->count && i < LOADS_MAX; i++) {
		const struct node *load = &section->nodes[i];

		if ((node->effect.tested_loads >> i & 1) != 0 &&
		    flow_fields(flow, &load->effect.addresses[0], load->insn.memory[0].width) == 0)
			return true;
	}
	return node->effect.tested_loads >> LOADS_MAX != 0;
}

static struct use use_of(const struct section *section, const struct flow *flow)
{
	struct use use = {.own = 0};
	uint8_t kept[LOADS_MAX] = {0};

	for (size_t i = 0; i < section->count && i < LOADS_MAX; i++)
		kept[i] = fields_kept(section, i);
	for (size_t i = 0; i < section->count; i++) {
		const struct node *node = &section->nodes[i];

		if (!node->reached)
			continue;
		use.tested |= node->effect.tested;
		if (node->effect.tested_number || tests_other(section, flow, node))
			use.compared |= node->effect.tested;
		use.tested_vague |= node->effect.tested_vague || tests_unknown(section, flow, node);
		for (unsigned k = 0; k < node->insn.memories; k++)
			if (node->insn.memory[k].access != ACCESS_NONE)
				use_address(section, &node->effect.addresses[k], kept, node->insn.address, &use);
	}
	return use;
}

/* Returns the fields that are unchanged if a test of the fields `tested` succeeds. If the CPU is the same, the node is, too. */
static uint8_t shown_by(uint8_t tested)
{
	return tested | ((tested & (FIELD_START | FIELD_CPU)) != 0 ? FIELD_START | FIELD_CPU | FIELD_NODE : 0);
}

void rules_index(struct check *check, const struct section *section, struct findings *findings)
{
	struct flow flow = check->flow;
	struct use use;

	if (!section->complete || !section->arming.found)
		return;
	flow.has_area = true;
	flow.area = section->arming.area;
	use = use_of(section, &flow);
	if (use.tested_vague)
		return;
	/* A test of the sign shows only that the thread is registered. */
	if (use.stale != 0 && (use.tested == 0 || (use.own == 0 && use.compared == 0))) {
		add_finding(findings, ERROR_STALE_INDEX, use.place,
			    "the index was loaded before the section, and the section doesn't compare the field with it; after a "
			    "migration it works "
			    "on another CPU's data");
		return;
	}
	if ((use.stale & ~shown_by(use.tested)) != 0) {
		add_finding(findings, ERROR_OTHER_FIELD, use.place,
			    "the section indexes by one field of the area, but compares another; the index can have changed "
			    "unnoticed");
		return;
	}
	if (((use.own | use.stale) & (FIELD_CPU | FIELD_CID)) == 0 || (use.tested & FIELD_CPU) != 0 ||
	    (arms_tested_before(&check->listings, &check->flow, section) & FIELD_CPU) != 0)
		return;
	add_finding(findings, ERROR_UNREGISTERED, use.own != 0 ? use.own_place : use.place,
		    "no test of cpu_id precedes the index; in a thread without registration cpu_id is negative and mm_cid is "
		    "0, so the section works on other data without protection");
}
