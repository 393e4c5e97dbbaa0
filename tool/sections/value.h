/* SPDX-License-Identifier: MIT */
/*
 * value.h - what is known about a value in a register or in memory: a linear expression, and what the value derives from.
 *
 * The invariant: a value that is `linear` equals its expression in every execution of the code that was followed. A value that
 * isn't `vague` derives from nothing but its `fields`, `inputs` and `loads`, and constants.
 */
#ifndef RK_TOOL_SECTIONS_VALUE_H
#define RK_TOOL_SECTIONS_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/insn.h"

/* The fields cpu_id_start, cpu_id, node_id and mm_cid of the area (struct rseq of include/uapi/linux/rseq.h), as bits. */
enum { FIELD_START = 1, FIELD_CPU = 2, FIELD_NODE = 4, FIELD_CID = 8, FIELD_KINDS = 4 };

/*
 * Symbols of expressions. A number below REGISTERS is an input: the value that this register had at the beginning. The others are
 * the thread pointer, a field of the area, and the value that a load has read: SYMBOL_LOAD + the load's number.
 */
enum { SYMBOL_THREAD = REGISTERS, SYMBOL_FIELD, SYMBOL_LOAD = SYMBOL_FIELD + FIELD_KINDS };

enum { TERMS = 4 };

struct value {
	bool linear;      /* the value is `constant` plus the sum of its `terms`; otherwise the expression isn't known */
	bool vague;       /* the value can derive from anything */
	bool settled;     /* a second computation that begins with this value doesn't always change it (and, or) */
	bool measured;    /* the value is the flags, in some cases after a comparison with a number other than 0 */
	bool selected;    /* the value may derive from a condition alone (cmov, setcc) */
	uint8_t count;    /* the number of terms */
	uint8_t fields;   /* the value derives from these fields of the area */
	insn_set inputs;  /* the value derives from what these registers held at the beginning */
	uint64_t loads;   /* the value derives from these loads: bit n is load n, and the last bit means any further load */
	int64_t constant;
	struct {
		int64_t factor; /* never 0 */
		unsigned symbol;
	} terms[TERMS];   /* sorted by symbol */
};

struct value value_constant(int64_t constant);
struct value value_symbol(unsigned symbol);

/* A value about which nothing is known. */
struct value value_vague(void);

/* Notes that `value` also derives from everything from which `other` derives. */
void value_derive(struct value *value, const struct value *other);

/* Returns one + other * factor. The sum derives from everything from which one of the two derives. */
struct value value_sum(const struct value *one, const struct value *other, int64_t factor);

/* Are both values linear, and is other - one a constant? If so, stores the constant in *distance. */
bool value_distance(const struct value *one, const struct value *other, int64_t *distance);
bool value_equal(const struct value *one, const struct value *other);

/* Two paths meet: keeps in `value` only what is true for both values. Returns true if `value` changed. */
bool value_join(struct value *value, const struct value *other);

/* Does the value's expression contain a symbol from `first` to `last`? */
bool value_has(const struct value *value, unsigned first, unsigned last);

/* Is the value the input of register `number` plus a constant? */
bool value_is_input(const struct value *value, int number);

#endif /* RK_TOOL_SECTIONS_VALUE_H */
