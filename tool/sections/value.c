/* SPDX-License-Identifier: MIT */
/* value.c - adds, compares and joins values (value.h). Sums wrap modulo 2^64, as the processor's sums do. */
#include "value.h"

#include <string.h>

struct value value_constant(int64_t constant)
{
	struct value value = {.linear = true, .constant = constant};

	return value;
}

struct value value_symbol(unsigned symbol)
{
	struct value value = {.linear = true, .count = 1};

	value.terms[0].factor = 1;
	value.terms[0].symbol = symbol;
	if (symbol < REGISTERS)
		value.inputs = INSN_BIT(symbol);
	else if (symbol >= SYMBOL_FIELD && symbol < SYMBOL_LOAD)
		value.fields = (uint8_t)(1 << (symbol - SYMBOL_FIELD));
	return value;
}

struct value value_vague(void)
{
	struct value value = {.vague = true};

	return value;
}

void value_derive(struct value *value, const struct value *other)
{
	value->vague |= other->vague;
	value->settled |= other->settled;
	value->measured |= other->measured;
	value->selected |= other->selected;
	value->fields |= other->fields;
	value->inputs |= other->inputs;
	value->loads |= other->loads;
}

/* Appends a term to a sum. If the sum already has TERMS terms, it isn't linear any more. */
static void append(struct value *value, unsigned symbol, int64_t factor)
{
	if (factor == 0)
		return;
	if (value->count == TERMS) {
		value->linear = false;
		return;
	}
	value->terms[value->count].symbol = symbol;
	value->terms[value->count++].factor = factor;
}

static int64_t times(int64_t one, int64_t other)
{
	return (int64_t)((uint64_t)one * (uint64_t)other);
}

struct value value_sum(const struct value *one, const struct value *other, int64_t factor)
{
	struct value sum = {.linear = one->linear && other->linear};
	unsigned i = 0, k = 0;

	value_derive(&sum, one);
	value_derive(&sum, other);
	while (sum.linear && (i < one->count || k < other->count)) {
		unsigned left = i < one->count ? one->terms[i].symbol : UINT32_MAX;
		unsigned right = k < other->count ? other->terms[k].symbol : UINT32_MAX;
		uint64_t total = 0;

		if (left <= right)
			total += (uint64_t)one->terms[i++].factor;
		if (right <= left)
			total += (uint64_t)times(other->terms[k++].factor, factor);
		append(&sum, left < right ? left : right, (int64_t)total);
	}
	if (sum.linear)
		sum.constant = (int64_t)((uint64_t)one->constant + (uint64_t)times(other->constant, factor));
	else
		sum.count = 0;
	return sum;
}

bool value_distance(const struct value *one, const struct value *other, int64_t *distance)
{
	if (!one->linear || !other->linear || one->count != other->count)
		return false;
	for (unsigned i = 0; i < one->count; i++)
		if (one->terms[i].symbol != other->terms[i].symbol || one->terms[i].factor != other->terms[i].factor)
			return false;
	*distance = (int64_t)((uint64_t)other->constant - (uint64_t)one->constant);
	return true;
}

bool value_equal(const struct value *one, const struct value *other)
{
	int64_t distance;

	return value_distance(one, other, &distance) && distance == 0;
}

bool value_join(struct value *value, const struct value *other)
{
	struct value before = *value;

	if (value->linear && !value_equal(value, other)) {
		value->linear = false;
		value->count = 0;
		value->constant = 0;
		value->settled = true;
	}
	value_derive(value, other);
	return before.linear != value->linear || before.vague != value->vague || before.settled != value->settled ||
	       before.measured != value->measured || before.selected != value->selected || before.fields != value->fields ||
	       before.inputs != value->inputs || before.loads != value->loads;
}

bool value_has(const struct value *value, unsigned first, unsigned last)
{
	for (unsigned i = 0; i < value->count; i++)
		if (value->terms[i].symbol >= first && value->terms[i].symbol <= last)
			return true;
	return false;
}

bool value_is_input(const struct value *value, int number)
{
	return value->linear && value->count == 1 && value->terms[0].symbol == (unsigned)number && value->terms[0].factor == 1;
}
