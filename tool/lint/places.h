/* SPDX-License-Identifier: MIT */
/*
 * places.h - what is known about the memory that a critical section accesses. A node is an instruction of the section
 * (section.h).
 *
 * Two addresses are compared only if both are expressions of inputs (the registers at the start label) and fields of the area. An
 * address that the section has loaded is never compared.
 */
#ifndef RK_TOOL_LINT_PLACES_H
#define RK_TOOL_LINT_PLACES_H

#include "sections/section.h"

/* Can the address be compared with other addresses? */
bool place_is_comparable(const struct value *address);

/* Does the section load from the address? */
bool place_is_loaded(const struct section *section, const struct value *address);

/* Is the address computed from a field of the area, which was loaded in the section or before it? */
bool place_is_indexed(const struct section *section, const struct value *address);

/*
 * Does a store to the address certainly go to data that other threads see? There are two such cases. In the first, the address is
 * computed from a field of the area. In the second, the section loaded the address or loads from it, and accesses no other
 * data. Other stores can go to the caller's own memory.
 */
bool place_is_data(const struct section *section, const struct flow *flow, const struct value *address);

/* Returns the loads from which a value derives, directly or by the addresses of these loads, as bits like value->loads. */
uint64_t value_loads(const struct section *section, const struct value *value);

/* Does a value derive from a field of the area, directly or by the addresses of loads? */
bool value_is_of_cpu(const struct section *section, const struct value *value);

/* Does the instruction store to the area's first 28 bytes? */
bool node_stores_to_area(const struct flow *flow, const struct node *node);

/* Returns the address to which the instruction stores. */
const struct value *node_address(const struct node *node);

#endif /* RK_TOOL_LINT_PLACES_H */
