/* SPDX-License-Identifier: MIT */
/* flow.c - follows values through instructions: computes the state after each instruction, and the instruction's effect. */
#include "flow.h"

#include <string.h>

#include "common/sorted.h"

#define AREA_END 28 /* the end of mm_cid; programs may store to later bytes */

static const struct {
	int64_t offset;
	uint8_t field;
} fields[FIELD_KINDS] = {{0, FIELD_START}, {4, FIELD_CPU}, {20, FIELD_NODE}, {24, FIELD_CID}};

void state_begin(struct state *state)
{
	memset(state, 0, sizeof(*state));
	for (unsigned i = 0; i < REGISTERS; i++)
		state->values[i] = value_symbol(i);
}

/*
 * For a call or an unknown instruction: afterwards the values of these registers, of the flags and of all memory are unknown.
 */
static void state_forget(struct state *state, insn_set registers)
{
	for (unsigned i = 0; i < REGISTERS; i++)
		if ((registers & INSN_BIT(i)) != 0)
			state->values[i] = value_vague();
	state->values[FLAGS] = value_vague();
	state->cell_count = 0;
}

bool state_join(struct state *state, const struct state *other)
{
	bool changed = false;
	unsigned kept = 0;

	for (unsigned i = 0; i < VALUES; i++)
		changed |= value_join(&state->values[i], &other->values[i]);
	for (unsigned i = 0; i < state->cell_count; i++) {
		struct cell cell = state->cells[i];
		unsigned k = 0;

		while (k < other->cell_count &&
		       (cell.width != other->cells[k].width || !value_equal(&cell.address, &other->cells[k].address)))
			k++;
		if (k == other->cell_count)
			continue;
		changed |= value_join(&cell.value, &other->cells[k].value);
		state->cells[kept++] = cell;
	}
	changed |= kept != state->cell_count || (other->full && !state->full);
	state->full |= other->full;
	state->cell_count = kept;
	return changed;
}

uint8_t flow_fields(const struct flow *flow, const struct value *address, unsigned width)
{
	uint8_t touched = 0;
	int64_t distance;

	if (!flow->has_area || !value_distance(&flow->area, address, &distance))
		return 0;
	for (unsigned i = 0; i < FIELD_KINDS; i++)
		if (distance < fields[i].offset + 4 && distance + (int64_t)width > fields[i].offset)
			touched |= fields[i].field;
	return touched;
}

bool flow_is_placed(const struct flow *flow, const struct value *address)
{
	int64_t distance;

	return flow->has_area && value_distance(&flow->area, address, &distance);
}

bool flow_is_area(const struct flow *flow, const struct value *address, unsigned width)
{
	int64_t distance;

	return flow->has_area && value_distance(&flow->area, address, &distance) && distance < AREA_END &&
	       distance + (int64_t)width > 0;
}

static struct value address_of(const struct insn_memory *memory, const struct state *state)
{
	struct value address = value_constant(memory->displacement), thread = value_symbol(SYMBOL_THREAD);

	if (memory->unknown_address) {
		address = value_vague();
		return address;
	}
	if (memory->thread)
		address = value_sum(&address, &thread, 1);
	if (memory->base != NO_REGISTER)
		address = value_sum(&address, &state->values[memory->base], 1);
	if (memory->index != NO_REGISTER)
		address = value_sum(&address, &state->values[memory->index], memory->factor);
	return address;
}

bool flow_is_descriptor(const struct flow *flow, uint64_t number)
{
	size_t first = COUNT_WHILE(i, flow->descriptor_count, flow->descriptors[i] < number);

	return first < flow->descriptor_count && flow->descriptors[first] == number;
}

/* Is the address constant, and is the word there the address of a descriptor, as in a GOT slot? Such a word never changes. */
static bool is_constant_word(const struct flow *flow, const struct value *address, uint64_t *word)
{
	return address->linear && address->count == 0 && flow->image != NULL &&
	       image_number(flow->image, (uint64_t)address->constant, 8, word) && flow_is_descriptor(flow, *word);
}

/* Returns the value that a load reads. `number` is the load's number in sets of loads. */
static struct value load(const struct flow *flow, const struct insn_memory *memory, const struct value *address,
			 unsigned number, const struct state *state)
{
	struct value value = value_symbol(SYMBOL_LOAD + number), thread = value_symbol(SYMBOL_THREAD);
	uint8_t touched = flow_fields(flow, address, memory->width);
	uint64_t word;

	for (unsigned i = 0; i < state->cell_count; i++)
		if (state->cells[i].width == memory->width && value_equal(&state->cells[i].address, address))
			return state->cells[i].value;
	if (touched != 0 && memory->width == 4 && (touched & (touched - 1)) == 0) {
		for (unsigned i = 0; i < FIELD_KINDS; i++)
			if (fields[i].field == touched)
				value = value_symbol(SYMBOL_FIELD + i);
	} else if (memory->width == 8 && memory->thread && value_equal(address, &thread)) {
		value = thread; /* %fs:0 holds its own address */
	} else if (memory->width == 8 && is_constant_word(flow, address, &word)) {
		value = value_constant((int64_t)word);
	}
	value.fields |= touched;
	value.loads |= (uint64_t)1 << (number < LOADS_MAX ? number : LOADS_MAX);
	value.vague |= !address->linear && address->vague;
	return value;
}

/*
 * Makes all expressions with this symbol unknown. If a loop executes a load again, the load's symbol is the new value, so
 * expressions with the old value aren't right any more.
 */
static void drop_symbol(struct state *state, unsigned symbol)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < VALUES; i++)
		if (value_has(&state->values[i], symbol, symbol)) {
			state->values[i].linear = false;
			state->values[i].count = 0;
		}
	for (unsigned i = 0; i < state->cell_count; i++) {
		if (value_has(&state->cells[i].address, symbol, symbol))
			continue;
		state->cells[kept] = state->cells[i];
		if (value_has(&state->cells[kept].value, symbol, symbol)) {
			state->cells[kept].value.linear = false;
			state->cells[kept].value.count = 0;
		}
		kept++;
	}
	state->cell_count = kept;
}

/* Has every path already stored to all bytes of the operand? */
static bool is_renewed(const struct state *state, const struct insn_memory *memory, const struct value *address)
{
	for (unsigned i = 0; i < state->cell_count; i++) {
		int64_t distance;

		if (value_distance(&state->cells[i].address, address, &distance) && distance >= 0 &&
		    distance + (int64_t)memory->width <= (int64_t)state->cells[i].width)
			return true;
	}
	return false;
}

/*
 * Remembers a store. A store to an overlapping or unknown address can change the values of other stores that are remembered. If
 * the first store to an address is an update, the result depends on an unknown old value, so it isn't remembered.
 */
static void store(struct state *state, const struct insn_memory *memory, const struct value *address, const struct value *value)
{
	unsigned kept = 0;
	bool exact = address->linear && !memory->repeated && !memory->maybe;
	bool kept_out = !exact || (memory->access == ACCESS_UPDATE && !is_renewed(state, memory, address));

	for (unsigned i = 0; i < state->cell_count; i++) {
		struct cell cell = state->cells[i];
		int64_t distance;
		bool known = value_distance(&cell.address, address, &distance);

		if (known && exact && distance == 0 && cell.width == memory->width)
			continue;
		if (!known || (distance < (int64_t)cell.width && distance + (int64_t)memory->width > 0) || memory->repeated) {
			cell.value.linear = false;
			cell.value.count = 0;
			value_derive(&cell.value, value);
		}
		state->cells[kept++] = cell;
	}
	state->cell_count = kept;
	state->full |= !kept_out && kept == CELLS;
	if (kept_out || kept == CELLS)
		return;
	state->cells[state->cell_count++] = (struct cell){*address, *value, memory->width};
}

static struct value part_of(const struct insn_part *part, const struct state *state, const struct value *loaded)
{
	switch (part->source) {
	case SOURCE_REGISTER:
		return state->values[part->number];
	case SOURCE_MEMORY:
		return *loaded;
	case SOURCE_THREAD:
		return value_symbol(SYMBOL_THREAD);
	default:
		return value_constant(0);
	}
}

/*
 * Is the expression still right if the upper half of its register becomes 0? Constants below 2^32, fields of the area, and loads
 * of at most 4 bytes are.
 */
static bool fits_word(const struct value *value, const struct insn *insn)
{
	if (value->count == 0)
		return value->constant >= 0 && value->constant <= UINT32_MAX;
	return value->count == 1 && value->constant == 0 && value->terms[0].factor == 1 &&
	       ((value->terms[0].symbol >= SYMBOL_FIELD && value->terms[0].symbol < SYMBOL_LOAD) ||
		(insn->sum.first.source == SOURCE_MEMORY && insn->memory[0].width <= 4));
}

static struct value sum_of(const struct insn *insn, const struct state *state, const struct value *loaded)
{
	struct value first = part_of(&insn->sum.first, state, loaded), second = part_of(&insn->sum.second, state, loaded);
	struct value constant = value_constant(insn->sum.constant), sum = value_sum(&first, &constant, 1);

	sum = value_sum(&sum, &second, insn->sum.factor);
	if (insn->sum.width == 8 || !sum.linear)
		return sum;
	if (sum.count == 0)
		sum.constant = (int64_t)(uint32_t)sum.constant;
	if (!fits_word(&sum, insn)) {
		sum.linear = false;
		sum.count = 0;
	}
	return sum;
}

/*
 * Returns the result of an instruction whose result is no sum. This value derives from all sources except registers of addresses.
 */
static struct value mixture(const struct insn *insn, const struct state *state, const struct value *loaded)
{
	insn_set addresses = 0, sources;
	struct value mixed = {.selected = insn->conditional};
	unsigned loading = loaded->loads != 0;

	for (unsigned i = 0; i < insn->memories; i++) {
		if (insn->memory[i].access == ACCESS_NONE)
			continue;
		addresses |= insn->memory[i].base != NO_REGISTER ? INSN_BIT(insn->memory[i].base) : 0;
		addresses |= insn->memory[i].index != NO_REGISTER ? INSN_BIT(insn->memory[i].index) : 0;
	}
	sources = (insn->reads & ~addresses) | (insn->reads & insn->writes) | insn->partly | insn->stored;
	for (unsigned i = 0; i < REGISTERS; i++)
		if ((sources & INSN_BIT(i)) != 0) {
			value_derive(&mixed, &state->values[i]);
			loading += state->values[i].loads != 0;
		}
	/* If xor of a register and another value is executed twice, the second execution changes the register again. */
	mixed.settled |= !insn->toggles || loading > 1 || (insn->writes & (insn->writes - 1)) != 0 || insn->memories > 0;
	if (insn->conditional)
		value_derive(&mixed, &state->values[FLAGS]);
	value_derive(&mixed, loaded);
	return mixed;
}

/* Returns the value that the instruction stores. */
static struct value stored_of(const struct insn *insn, const struct insn_memory *memory, const struct state *state,
			      const struct value *loaded)
{
	struct value stored = {.linear = false};

	if (insn->stores_constant)
		return value_constant(insn->constant);
	for (unsigned i = 0; i < REGISTERS; i++)
		if ((insn->stored & INSN_BIT(i)) != 0) {
			if (insn->stored == INSN_BIT(i) && memory->width == 8 && memory->access == ACCESS_STORE)
				return state->values[i];
			value_derive(&stored, &state->values[i]);
		}
	if (!memory->exchange)
		value_derive(&stored, loaded);
	return stored;
}

void flow_step(const struct flow *flow, const struct insn *insn, unsigned number, struct state *state, struct effect *effect)
{
	struct effect unused, *done = effect != NULL ? effect : &unused;
	struct value result, mixed;

	memset(done, 0, sizeof(*done));
	if (insn->unknown) {
		state_forget(state, ~(insn_set)0);
		done->tested_vague = true;
		return;
	}
	for (unsigned i = 0; i < insn->memories; i++)
		done->addresses[i] = address_of(&insn->memory[i], state);
	drop_symbol(state, SYMBOL_LOAD + number);
	for (unsigned i = insn->memories; i-- > 0;)
		if (insn->memory[i].access == ACCESS_LOAD || insn->memory[i].access == ACCESS_UPDATE)
			done->loaded = load(flow, &insn->memory[i], &done->addresses[i], number, state);
	mixed = mixture(insn, state, &done->loaded);
	result = insn->sum.to != NO_REGISTER ? sum_of(insn, state, &done->loaded) : mixed;
	/* A condition depends on the flags. A branch that doesn't read the flags depends on a register. */
	if (insn->conditional || insn->kind == INSN_BRANCH) {
		const struct value *condition = insn->conditional && insn->kind != INSN_BRANCH ? &state->values[FLAGS] : &mixed;

		done->tested = condition->fields;
		done->tested_loads = condition->loads;
		done->tested_number = condition->inputs != 0 || condition->measured || insn->measures;
		done->tested_vague = condition->vague;
	}
	for (unsigned i = 0; i < insn->memories; i++) {
		const struct insn_memory *memory = &insn->memory[i];

		if (memory->access != ACCESS_STORE && memory->access != ACCESS_UPDATE)
			continue;
		done->renewed = state->full || is_renewed(state, memory, &done->addresses[i]);
		done->stored = stored_of(insn, memory, state, &done->loaded);
		store(state, memory, &done->addresses[i], &done->stored);
	}
	for (unsigned i = 0; i < REGISTERS; i++)
		if ((insn->writes & INSN_BIT(i)) != 0)
			state->values[i] = mixed;
	for (unsigned i = 0; i < insn->memories; i++) {
		const struct insn_memory *memory = &insn->memory[i];

		if (memory->step != 0 && memory->base != NO_REGISTER) {
			struct value step = value_constant(memory->step - memory->displacement);

			state->values[memory->base] = value_sum(&done->addresses[i], &step, 1);
		}
	}
	if (insn->sum.to != NO_REGISTER)
		state->values[insn->sum.to] = result;
	if (insn->kind == INSN_CALL)
		state_forget(state, flow->image != NULL ? flow->image->arch->scratch : ~(insn_set)0);
	if (insn->sets_flags) {
		state->values[FLAGS] = mixed;
		state->values[FLAGS].linear = false;
		state->values[FLAGS].measured |= insn->measures;
	}
}
