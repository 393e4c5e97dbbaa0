/* SPDX-License-Identifier: MIT */
/*
 * value.h - what is known about a value in a register: a linear expression, and what the value derives from.
 *
 * The invariant: a value that is `linear` equals its expression in every execution of the code that was followed. The list of
 * what a value derives from is complete, unless the value is `vague`.
 */
#ifndef RK_TOOL_LINT_VALUE_H
#define RK_TOOL_LINT_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "insn.h"

/* Fields of the area (struct rseq of include/uapi/linux/rseq.h), as bits. */
enum { FIELD_START = 1, FIELD_CPU = 2, FIELD_NODE = 4, FIELD_CID = 8, FIELD_KINDS = 4 };

/* Symbols of expressions: input registers, the thread pointer, fields, and the value that a load gave. */
enum { SYMBOL_THREAD = REGISTERS, SYMBOL_FIELD, SYMBOL_LOAD = SYMBOL_FIELD + FIELD_KINDS };

enum { TERMS = 4 };

struct value {
	bool linear;
	bool vague;       /* possibly derives from anything */
	bool settled;     /* no sum: if it is computed a second time, from itself, the value possibly doesn't change */
	bool measured;    /* of flags: possibly a comparison with a number other than 0 */
	bool selected;    /* possibly derives from a condition only (cmov, setcc) */
	uint8_t count;    /* of terms */
	uint8_t fields;   /* derives from these fields */
	insn_set inputs;  /* derives from the values that these registers had at the beginning */
	uint64_t loads;   /* derives from these loads: bit n is load n, and the last bit stands for all further loads */
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

/* Adds to `value` what `other` derives from. */
void value_derive(struct value *value, const struct value *other);

/* one + other * factor; the result derives from both. */
struct value value_sum(const struct value *one, const struct value *other, int64_t factor);

/* Are both linear, and is other - one constant? */
bool value_distance(const struct value *one, const struct value *other, int64_t *distance);
bool value_equal(const struct value *one, const struct value *other);

/* Keeps in `value` only what is right for both values. Returns true if `value` changed. */
bool value_join(struct value *value, const struct value *other);

/* Does the expression contain a symbol from `first` to `last`? */
bool value_has(const struct value *value, unsigned first, unsigned last);

/* Is the value an input register plus a constant? */
bool value_is_input(const struct value *value, int number);

#endif /* RK_TOOL_LINT_VALUE_H */
