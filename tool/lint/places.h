/* SPDX-License-Identifier: MIT */
/*
 * places.h - the places in memory that a section accesses.
 *
 * Addresses are compared only if they are made of inputs and of fields of the area. An address that was loaded is never compared.
 */
#ifndef RK_TOOL_LINT_PLACES_H
#define RK_TOOL_LINT_PLACES_H

#include "section.h"

/* Can the address be compared with others? */
bool place_is_comparable(const struct value *address);

/* Does the range load from the address? */
bool place_is_loaded(const struct section *section, const struct value *address);

/* Is the address made from a field of the area, which was loaded in the section or before it? */
bool place_is_indexed(const struct section *section, const struct value *address);

/*
 * Does a store certainly go to data that other threads see? Its address is made from a field of the area. In a section that has
 * one place for all its data, whose index isn't known, the address was loaded, or the range loads from it. Other stores possibly
 * go to the caller's own memory.
 */
bool place_is_data(const struct section *section, const struct flow *flow, const struct value *address);

/* The loads that a value derives from, those by which addresses of other loads are made included; bits as in `loads`. */
uint64_t value_loads(const struct section *section, const struct value *value);

/* Is a value made from a field of the area, if need be by way of loads? */
bool value_is_of_cpu(const struct section *section, const struct value *value);

/* Does the instruction store to the area's first 28 bytes? */
bool node_stores_to_area(const struct flow *flow, const struct node *node);

/* The address that the instruction stores to. */
const struct value *node_address(const struct node *node);

#endif /* RK_TOOL_LINT_PLACES_H */
