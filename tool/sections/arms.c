/* SPDX-License-Identifier: MIT */
/*
 * arms.c - finds the stores that activate sections: each stores a descriptor's address in the area's field rseq_cs.
 *
 * Straight code is code without jumps into it or out of it. arms_look() follows values through the straight code that ends at a
 * section's start label. It therefore recognises such a store by the stored value, whether lea, an immediate, a GOT slot, or
 * adrp and add made the address.
 */
#include "arms.h"

#include <string.h>

#define BACK LOADS_MAX /* at most this many instructions of straight code are followed */
/* The tool searches at most this many instructions after a reference to a descriptor for the store of the address. */
#define AHEAD 16
#define AREA_CS 8      /* offset of the field rseq_cs in the area */

/* Straight code that was followed, up to the instruction `next`. */
struct trace {
	const struct flow *flow;
	const struct listing *listing;
	size_t begin, next; /* numbers of the first instruction, and of the next one to follow */
	struct state state; /* the state before the instruction `next` */
	struct effect effect; /* the effect of the last instruction that was followed */
	struct value loads[BACK + 1]; /* the addresses of loads, by the number of the instruction from `begin` on */
	unsigned widths[BACK + 1];    /* the widths of these loads in bytes; 0 if the instruction doesn't load */
};

static void trace_begin(struct trace *trace, const struct flow *flow, const struct listing *listing, size_t number)
{
	trace->flow = flow;
	trace->listing = listing;
	trace->begin = number;
	while (trace->begin > 0 && number - trace->begin < BACK && !listing_is_joined(listing, trace->begin))
		trace->begin--;
	trace->next = trace->begin;
	state_begin(&trace->state);
	memset(trace->widths, 0, sizeof(trace->widths));
}

static void trace_step(struct trace *trace)
{
	const struct insn *insn = &trace->listing->insns[trace->next];
	size_t number = trace->next++ - trace->begin;

	if (number > BACK)
		number = BACK;
	flow_step(trace->flow, insn, (unsigned)number, &trace->state, &trace->effect);
	if (insn->memories > 0 && (insn->memory[0].access == ACCESS_LOAD || insn->memory[0].access == ACCESS_UPDATE)) {
		trace->loads[number] = trace->effect.addresses[0];
		trace->widths[number] = insn->memory[0].width;
	}
}

/*
 * `insn` is the last instruction that was followed. If it stores the address of a descriptor, returns this address and stores the
 * store's width in *width. Otherwise returns 0.
 */
static uint64_t stored_descriptor(const struct trace *trace, const struct insn *insn, unsigned *width)
{
	const struct flow *flow = trace->flow;
	unsigned which = 0;
	struct value value = trace->effect.stored;

	while (which < insn->memories && insn->memory[which].access != ACCESS_STORE)
		which++;
	if (which == insn->memories)
		return 0;
	*width = insn->memory[which].width;
	/* If four bytes are stored, the whole value is still in the register, because stores don't change registers. */
	for (int i = 0; *width == 4 && !insn->stores_constant && i < FIRST_VECTOR; i++)
		if (insn->stored == INSN_BIT(i))
			value = trace->state.values[i];
	if (!value.linear || value.count != 0 || !flow_is_descriptor(flow, (uint64_t)value.constant))
		return 0;
	return (uint64_t)value.constant;
}

static bool is_store(const struct insn *insn, unsigned *which)
{
	for (unsigned i = 0; i < insn->memories; i++)
		if (insn->memory[i].access == ACCESS_STORE) {
			*which = i;
			return true;
		}
	return false;
}

/*
 * Does the instruction update 8 bytes of memory? Such an instruction, for example xchg, can store the descriptor's address, too.
 */
static bool is_update(const struct insn *insn)
{
	return insn->memories == 1 && insn->memory[0].access == ACCESS_UPDATE && insn->memory[0].width == 8;
}

/* Returns the fields of the area from which a value derives by the loads of the trace. */
static uint8_t fields_of(const struct trace *trace, const struct flow *flow, const struct value *value)
{
	uint8_t found = 0;

	for (unsigned k = 0; k < LOADS_MAX && !value->selected; k++)
		if ((value->loads >> k & 1) != 0 && trace->widths[k] != 0)
			found |= flow_fields(flow, &trace->loads[k], trace->widths[k]);
	return found;
}

/* Adds the word `cell` to arming->slots if its value derives from the fields `held`, and its distance from `base` is known. */
static void find_slot(const struct trace *trace, const struct cell *cell, int8_t base, uint8_t held, struct arming *arming)
{
	struct slot slot = {.base = base, .fields = held};

	if (held != 0 && value_distance(&trace->state.values[base], &cell->address, &slot.distance))
		arming->slots[arming->slot_count++] = slot;
}

/*
 * Fills in the members `placed`, `distance`, `stale` and `slots` of *arming. `area` is the area's address, as an expression of
 * the registers at the beginning of the trace.
 */
static void find_registers(const struct trace *trace, const struct value *area, struct arming *arming)
{
	const struct arch *arch = trace->flow->image->arch;
	struct flow flow = *trace->flow;

	flow.has_area = true;
	flow.area = *area;
	for (unsigned i = 0; i < REGISTERS; i++) {
		arming->placed[i] = value_distance(area, &trace->state.values[i], &arming->distance[i]);
		arming->stale[i] = fields_of(trace, &flow, &trace->state.values[i]);
	}
	for (unsigned i = 0; i < trace->state.cell_count; i++) {
		const struct cell *cell = &trace->state.cells[i];
		uint8_t held = fields_of(trace, &flow, &cell->value);

		find_slot(trace, cell, arch->stack, held, arming);
		find_slot(trace, cell, arch->frame, held, arming);
	}
}

/* Fills in the area's address, as an expression of the registers after the arming store: its operand is the field rseq_cs. */
static void find_area(const struct insn *insn, unsigned which, struct arming *arming)
{
	const struct flow nothing = {.image = NULL};
	struct value offset = value_constant(-AREA_CS - insn->memory[which].step);
	struct effect effect;
	struct state state;

	state_begin(&state);
	flow_step(&nothing, insn, 0, &state, &effect);
	arming->area = value_sum(&effect.addresses[which], &offset, 1);
	arming->displacement = insn->memory[which].displacement;
	arming->thread = insn->memory[which].thread;
}

/* Can the instruction be a store to rseq_cs? *thread is true if the operand is certainly relative to the thread pointer. */
static bool is_plausible(const struct flow *flow, const struct insn *insn, const struct effect *effect, bool *thread)
{
	unsigned which;

	if (!is_store(insn, &which) || insn->memory[which].width != 8 || insn->memory[which].base == flow->image->arch->stack)
		return false;
	*thread = value_has(&effect->addresses[which], SYMBOL_THREAD, SYMBOL_THREAD);
	return insn->memory[which].thread || insn->memory[which].base != NO_REGISTER;
}

enum arms_result arms_look(struct listings *listings, const struct flow *flow, struct section *section, uint64_t *place)
{
	const struct listing *listing = listing_of(listings, section->start);
	struct arming *arming = &section->arming;
	unsigned which = 0, width = 0;
	uint64_t stored = 0, early = 0;
	bool early_thread = false, last_thread = false, plausible;
	const struct insn *last;
	struct value address, offset = value_constant(-AREA_CS);
	struct trace trace;
	size_t number;

	*place = section->start;
	if (listing == NULL)
		return ARMS_UNKNOWN;
	number = (size_t)listing_index(listing, section->start);
	last = &listing->insns[number - 1];
	arming->address = last->address;
	arming->copied = listing->copied[number];
	arming->returns = listing->returns;
	*place = last->address;
	trace_begin(&trace, flow, listing, number - 1);
	while (trace.next < number - 1) {
		const struct insn *insn = &listing->insns[trace.next];

		trace_step(&trace);
		if (stored_descriptor(&trace, insn, &width) == section->descriptor->address &&
		    is_plausible(flow, insn, &trace.effect, &early_thread))
			early = insn->address;
	}
	trace_step(&trace);
	plausible = is_plausible(flow, last, &trace.effect, &last_thread);
	if (is_store(last, &which)) {
		stored = stored_descriptor(&trace, last, &width);
		address = value_sum(&trace.effect.addresses[which], &offset, 1);
		find_registers(&trace, &address, arming);
		find_area(last, which, arming);
	}
	if (stored != 0 && stored == section->descriptor->address) {
		arming->found = width >= 8;
		return width >= 8 ? ARMS_RIGHT : ARMS_NARROW;
	}
	if (stored != 0)
		return ARMS_OTHER;
	/*
	 * If the last store can be the one to rseq_cs, the earlier store may have gone to other memory, and then isn't an
	 * error.
	 */
	if (early != 0 && !is_update(last) && (!plausible || (early_thread && !last_thread))) {
		*place = early;
		return ARMS_EARLY;
	}
	arming->found = plausible;
	return plausible ? ARMS_LIKELY : ARMS_UNKNOWN;
}

/*
 * Returns the fields that a load can read. If its operand has the same base as that of the arming store `arm`, its displacement
 * shows the field. A load of four bytes or less through another pointer can read cpu_id.
 */
static uint8_t fields_alike(const struct insn *insn, const struct insn_memory *arm)
{
	struct flow flow = {.has_area = true, .area = value_constant(arm->displacement - AREA_CS)};
	struct value address = value_constant(insn->memory[0].displacement);

	if (insn->memories == 0 || insn->memory[0].access != ACCESS_LOAD)
		return 0;
	if (insn->memory[0].width <= 4 && insn->memory[0].base != NO_REGISTER &&
	    (insn->memory[0].thread != arm->thread || insn->memory[0].base != arm->base))
		return FIELD_CPU;
	/* A load of eight bytes through another pointer mostly loads something else. */
	if (insn->memory[0].thread != arm->thread || (!arm->thread && insn->memory[0].base != arm->base))
		return 0;
	return flow_fields(&flow, &address, insn->memory[0].width);
}

uint8_t arms_tested_before(struct listings *listings, const struct flow *flow, const struct section *section)
{
	const struct listing *listing = listing_of(listings, section->start);
	long number = listing != NULL ? listing_index(listing, section->start) : -1;
	uint8_t tested = 0, fields[BACK + 1] = {0};
	bool calls = false;
	const struct insn_memory *arm;
	struct state state;
	unsigned which = 0;
	size_t begin = 0;

	if (number < 1 || !is_store(&listing->insns[number - 1], &which))
		return 0;
	arm = &listing->insns[number - 1].memory[which];
	for (size_t i = 0; i < (size_t)number; i++) {
		const struct insn *insn = &listing->insns[i];
		struct effect effect;

		if (listing_is_joined(listing, i) || i - begin >= BACK) {
			begin = i;
			state_begin(&state);
			memset(fields, 0, sizeof(fields));
		}
		fields[i - begin] = fields_alike(insn, arm);
		flow_step(flow, insn, (unsigned)(i - begin), &state, &effect);
		/*
		 * A called function can test the field, or register the thread. Then the code after the call tests the
		 * function's result.
		 */
		calls |= insn->kind == INSN_CALL;
		tested |= calls && effect.tested_vague ? FIELD_CPU : 0;
		for (unsigned k = 0; k < BACK; k++)
			if ((effect.tested_loads >> k & 1) != 0)
				tested |= fields[k];
	}
	return tested;
}

size_t arms_at(struct listings *listings, const struct flow *flow, uint64_t hit, struct armed *armed, size_t room)
{
	const struct listing *listing = listing_around(listings, hit);
	long number = listing != NULL ? listing_index(listing, hit) : -1;
	struct trace trace;
	size_t count = 0;

	if (number < 0 || listing->guessed)
		return 0;
	trace_begin(&trace, flow, listing, (size_t)number);
	while (count < room && trace.next < listing->count && trace.next < (size_t)number + AHEAD) {
		const struct insn *insn = &listing->insns[trace.next];
		unsigned width = 0, which = 0;
		uint64_t descriptor;

		if (trace.next > (size_t)number && listing_is_joined(listing, trace.next))
			break;
		trace_step(&trace);
		descriptor = stored_descriptor(&trace, insn, &width);
		if (descriptor != 0 && width == 8 && is_store(insn, &which) &&
		    (insn->memory[which].thread || insn->memory[which].base != NO_REGISTER))
			armed[count++] = (struct armed){descriptor, insn->address, insn->address + insn->size,
							insn->memory[which].displacement, insn->memory[which].thread};
	}
	return count;
}
