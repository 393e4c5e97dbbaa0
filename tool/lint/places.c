/* SPDX-License-Identifier: MIT */
/* places.c - finds out what is known about the memory that a critical section accesses, see places.h. */
#include "places.h"

bool place_is_comparable(const struct value *address)
{
	return address->linear && !value_has(address, SYMBOL_LOAD, UINT32_MAX);
}

bool node_stores_to_area(const struct flow *flow, const struct node *node)
{
	unsigned which;

	return node_stores(node, &which) && flow_is_area(flow, &node->effect.addresses[which], node->insn.memory[which].width);
}

const struct value *node_address(const struct node *node)
{
	unsigned which = 0;

	(void)node_stores(node, &which);
	return &node->effect.addresses[which];
}

bool place_is_loaded(const struct section *section, const struct value *address)
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

bool place_is_indexed(const struct section *section, const struct value *address)
{
	for (unsigned i = 0; i < REGISTERS; i++)
		if (value_has(address, i, i) && section->arming.stale[i] != 0)
			return true;
	return value_has(address, SYMBOL_FIELD, SYMBOL_LOAD - 1);
}

uint64_t value_loads(const struct section *section, const struct value *value)
{
	uint64_t reached = value->loads, before = 0;

	while (reached != before) {
		before = reached;
		for (size_t i = 0; i < section->count && i < LOADS_MAX; i++)
			if ((reached >> i & 1) != 0)
				reached |= section->nodes[i].effect.addresses[0].loads;
	}
	return reached;
}

/* Does a value derive directly from a field of the area, and not only by the addresses of loads? */
static bool is_of_field(const struct section *section, const struct value *value)
{
	if (value->fields != 0)
		return true;
	for (unsigned i = 0; i < REGISTERS; i++)
		if ((value->inputs & INSN_BIT(i)) != 0 && section->arming.stale[i] != 0)
			return true;
	return false;
}

bool value_is_of_cpu(const struct section *section, const struct value *value)
{
	uint64_t loads = value_loads(section, value);

	for (size_t i = 0; i < section->count && i < LOADS_MAX; i++)
		if ((loads >> i & 1) != 0 && is_of_field(section, &section->nodes[i].effect.addresses[0]))
			return true;
	return is_of_field(section, value);
}

/*
 * Does every other access of the section go to the same address plus a constant, or to an address that the section loaded?
 * Accesses to the area and the stack don't count. Loads from which the address itself derives don't count either.
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
			    (place_is_comparable(other) || is_of_field(section, other)) && !flow_is_placed(flow, other) &&
			    !value_is_input(other, flow->image->arch->stack) && !value_distance(address, other, &distance))
				return false;
		}
	}
	return true;
}

bool place_is_data(const struct section *section, const struct flow *flow, const struct value *address)
{
	return value_is_of_cpu(section, address) ||
	       ((address->loads != 0 || (place_is_comparable(address) && place_is_loaded(section, address))) &&
		is_alone(section, flow, address));
}
