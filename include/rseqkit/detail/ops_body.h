/* SPDX-License-Identifier: MIT */
/*
 * ops_body.h - the operations, written once for all kinds of index. ops_indexes.h includes this file three times. RK_OP_INDEX
 * says which kind of index selects the slot. For bank.h, RK_OP_BANKS is defined: the slot's word names a bank, and operations
 * work on a word of the bank. No other file includes this one, so it has no include guard.
 *
 * Every operation consists of checks, one asm statement (RK_SECTION) that is made of the primitives of arch/section.h, and
 * the code for the section's exits. ../ops.h says what each operation does, and what all operations have in common.
 */
#if RK_OP_INDEX == RK_OP_INDEX_CPU
#define RK_OP_KIND(verb) rk_cpu_##verb
#define RK_OP_INLINE RKI_INLINE
#define RK_OP_CPU_PARAM
/* The checks before a section. If a check fails, the macro runs `before`, and then returns the outcome. */
#define RK_OP_CHECK(before) RK_OP_CHECK_AREA(before)
#define RK_OP_INDEX_INPUTS RK_IN(base)
#define RK_OP_INDEX_SLOT(to) RK_ASM_INDEX_CPU(to)
#define RK_OP_ENTER_BANK(to) RK_ASM_ENTER_CPU(to, where, closed)
#define RK_OP_LEAVE rki_not_done(rki_leave())
#elif RK_OP_INDEX == RK_OP_INDEX_CID
#define RK_OP_KIND(verb) rk_cid_##verb
#define RK_OP_INLINE RKI_INLINE_ONLY
#define RK_OP_CPU_PARAM
#define RK_OP_CHECK(before)                                                                                            \
	if (RKI_UNLIKELY(rk_area_valid < RK_FIELD_END_MM_CID)) {                                                       \
		before;                                                                                                \
		return RK_NO_RSEQ;                                                                                     \
	}                                                                                                              \
	RK_OP_CHECK_AREA(before)
#define RK_OP_INDEX_INPUTS RK_IN(base)
#define RK_OP_INDEX_SLOT(to) RK_ASM_INDEX_CID(to)
#define RK_OP_ENTER_BANK(to) RK_ASM_ENTER_CID(to, where, closed)
#define RK_OP_LEAVE rki_not_done(rki_leave())
#else
#define RK_OP_KIND(verb) rk_at_##verb
#define RK_OP_INLINE RKI_INLINE_ONLY
#define RK_OP_CPU_PARAM , int cpu
/* The cpu_id of an unregistered thread is negative, and would be equal to a negative `cpu`. */
#define RK_OP_CHECK(before)                                                                                            \
	if (RKI_UNLIKELY(cpu < 0)) {                                                                                   \
		before;                                                                                                \
		return RK_WRONG_CPU;                                                                                   \
	}                                                                                                              \
	RK_OP_CHECK_AREA(before)
#define RK_OP_INDEX_INPUTS RK_IN(base), RK_IN(cpu)
#define RK_OP_INDEX_SLOT(to) RK_ASM_INDEX_AT(to)
#define RK_OP_ENTER_BANK(to) RK_ASM_ENTER_AT(to, where, closed)
#define RK_OP_LEAVE rki_not_done(rki_leave_at(cpu))
#endif

#define RK_OP_CHECK_AREA(before)                                                                                       \
	if (RKI_NO_AREA) {                                                                                             \
		before;                                                                                                \
		return RK_OP_LEAVE;                                                                                    \
	}

#ifndef RK_OP_BANKS
#define RK_OP(verb) RK_OP_KIND(verb)
#define RK_OP_PARAMS(slots, ...) (slots, __VA_ARGS__ RK_OP_CPU_PARAM)
#define RK_OP_INPUTS RK_OP_INDEX_INPUTS
#define RK_OP_SLOT(to) RK_OP_INDEX_SLOT(to)
#define RK_OP_EXITS RK_ASM_EXIT(leave)
#define RK_OP_EXITS_VALUE RK_ASM_EXIT_VALUE(leave, RK_ASM_NO_RSEQ)
#define RK_OP_LABELS leave
#define RK_OP_WAY_CLOSED
#else
#define RK_OP(verb) RK_OP_KIND(bank_##verb)
#define RK_OP_PARAMS(slots, ...) (slots, ptrdiff_t where, __VA_ARGS__ RK_OP_CPU_PARAM)
#define RK_OP_INPUTS RK_OP_INDEX_INPUTS, RK_IN_WORD_AS(where, where)
#define RK_OP_SLOT(to) RK_OP_ENTER_BANK(to)
#define RK_OP_EXITS RK_ASM_EXIT(leave) RK_ASM_EXIT(closed)
#define RK_OP_EXITS_VALUE RK_ASM_EXIT_VALUE(leave, RK_ASM_NO_RSEQ) RK_ASM_EXIT_VALUE(closed, RK_ASM_CLOSED)
#define RK_OP_LABELS leave, closed
#define RK_OP_WAY_CLOSED                                                                                               \
	closed:                                                                                                        \
	return RK_CLOSED;
#endif

/* The end of an operation, after its asm statement: the code for RK_DONE and for each label to which the section jumps. */
#define RK_OP_WAYS_OUT                                                                                                 \
	return RK_DONE;                                                                                                \
aborted:                                                                                                               \
	return RK_ABORTED;                                                                                             \
leave:                                                                                                                 \
	return RK_OP_LEAVE;                                                                                            \
	RK_OP_WAY_CLOSED

#define RK_OP_WAYS_OUT_IF_EQUAL                                                                                        \
	RK_OP_WAYS_OUT                                                                                                 \
unequal:                                                                                                               \
	return RK_UNEQUAL;

#define RK_OP_WAYS_OUT_VALUE(if_done, if_not)                                                                          \
	if (RKI_LIKELY(outcome == RK_DONE)) {                                                                          \
		if_done;                                                                                               \
		return RK_DONE;                                                                                        \
	}                                                                                                              \
	if_not;                                                                                                        \
	return outcome == RK_NO_RSEQ ? RK_OP_LEAVE : outcome;

#if !RK_HAVE_SECTIONS
#undef RK_OP_LEAVE
#define RK_OP_LEAVE RK_NO_RSEQ
#endif

RK_OP_INLINE enum rk_result RK_OP(load) RK_OP_PARAMS(const void *base, intptr_t *value)
{
	enum rk_result outcome = RK_DONE;
	intptr_t loaded;

	RK_OP_CHECK(*value = 0)
	RK_SECTION_VALUE(outcome, loaded,
			 RK_OP_EXITS_VALUE,
			 RK_OP_SLOT(RK_ASM_HERE) RK_ASM_COMMIT_LOAD,
			 RK_OP_INPUTS, RK_USES_SLOT);
	RK_OP_WAYS_OUT_VALUE(*value = loaded, *value = 0)
}

RK_OP_INLINE enum rk_result RK_OP(add) RK_OP_PARAMS(void *base, intptr_t value)
{
	RK_OP_CHECK((void)0)
	if (RK_IMMEDIATE(value))
		RK_SECTION(RK_OP_EXITS,
			   RK_OP_SLOT(RK_ASM_C) RK_ASM_COMMIT_ADD_IMMEDIATE(value),
			   RK_LIST(RK_OP_INPUTS, RK_IN_WORD(value)), RK_USES_SLOT, RK_OP_LABELS);
	else
		RK_SECTION(RK_OP_EXITS,
			   RK_OP_SLOT(RK_ASM_C) RK_ASM_COMMIT_ADD(value),
			   RK_LIST(RK_OP_INPUTS, RK_IN_WORD(value)), RK_USES_LOADED, RK_OP_LABELS);
	RK_OP_WAYS_OUT
}

RK_OP_INLINE enum rk_result RK_OP(add_through) RK_OP_PARAMS(void *base, ptrdiff_t offset, intptr_t value)
{
	RK_OP_CHECK((void)0)
	if (RK_IMMEDIATE(value))
		RK_SECTION(RK_OP_EXITS RK_ASM_EXIT(unequal),
			   RK_OP_SLOT(RK_ASM_C) RK_ASM_FOLLOW(unequal, offset) RK_ASM_COMMIT_ADD_IMMEDIATE(value),
			   RK_LIST(RK_OP_INPUTS, RK_IN_WORD(offset), RK_IN_WORD(value)), RK_USES_SLOT, RK_OP_LABELS, unequal);
	else
		RK_SECTION(RK_OP_EXITS RK_ASM_EXIT(unequal),
			   RK_OP_SLOT(RK_ASM_C) RK_ASM_FOLLOW(unequal, offset) RK_ASM_COMMIT_ADD(value),
			   RK_LIST(RK_OP_INPUTS, RK_IN_WORD(offset), RK_IN_WORD(value)), RK_USES_LOADED,
			   RK_OP_LABELS, unequal);
	RK_OP_WAYS_OUT_IF_EQUAL
}

RK_OP_INLINE enum rk_result RK_OP(pop) RK_OP_PARAMS(void *base, intptr_t end, ptrdiff_t next, void **node)
{
	enum rk_result outcome = RK_DONE;
	intptr_t popped;

	RK_OP_CHECK(*node = NULL)
	RK_SECTION_VALUE(outcome, popped,
			 RK_OP_EXITS_VALUE RK_ASM_EXIT_VALUE(unequal, RK_ASM_UNEQUAL),
			 RK_OP_SLOT(RK_ASM_HERE) RK_ASM_LOAD RK_ASM_IF_LOADED(RK_ASM_HERE, end, unequal)
			 RK_ASM_KEEP RK_ASM_LOAD_THROUGH(next) RK_ASM_COMMIT_LOADED,
			 RK_LIST(RK_OP_INPUTS, RK_IN_WORD(end), RK_IN_WORD(next)), RK_USES_LOADED);
	RK_OP_WAYS_OUT_VALUE(*node = (void *)popped, *node = NULL)
}

RK_OP_INLINE enum rk_result RK_OP(array_push) RK_OP_PARAMS(void *base, void *element)
{
	RK_OP_CHECK((void)0)
	RK_SECTION(RK_OP_EXITS RK_ASM_EXIT(unequal),
		   RK_OP_SLOT(RK_ASM_C) RK_ASM_LOAD RK_ASM_STORE_NEXT(RK_ASM_C, element, unequal) RK_ASM_STEP(step)
		   RK_ASM_COMMIT_LOADED,
		   RK_LIST(RK_OP_INPUTS, RK_IN(element), RK_IN_WORD_AS(step, RK_ARRAY_PUSHED(1))), RK_USES_ARRAY,
		   RK_OP_LABELS, unequal);
	RK_OP_WAYS_OUT_IF_EQUAL
}

RK_OP_INLINE enum rk_result RK_OP(array_pop) RK_OP_PARAMS(void *base, void **element)
{
	enum rk_result outcome = RK_DONE;
	intptr_t popped;

	RK_OP_CHECK(*element = NULL)
	RK_SECTION_VALUE(outcome, popped,
			 RK_OP_EXITS_VALUE RK_ASM_EXIT_VALUE(unequal, RK_ASM_UNEQUAL),
			 RK_OP_SLOT(RK_ASM_HERE) RK_ASM_LOAD RK_ASM_LOAD_LAST(RK_ASM_HERE, value, unequal) RK_ASM_STEP(step)
			 RK_ASM_COMMIT_LOADED,
			 RK_LIST(RK_OP_INPUTS, RK_IN_WORD_AS(step, RK_ARRAY_POPPED(1))), RK_USES_ARRAY);
	RK_OP_WAYS_OUT_VALUE(*element = (void *)popped, *element = NULL)
}

RK_OP_INLINE enum rk_result RK_OP(copy_out_if_equal)
	RK_OP_PARAMS(void *base, intptr_t expected, ptrdiff_t offset, void *target, size_t length, intptr_t value)
{
	RK_OP_CHECK((void)0)
	RK_SECTION(RK_OP_EXITS RK_ASM_EXIT(unequal),
		   RK_OP_SLOT(RK_ASM_C) RK_ASM_UNLESS_EQUAL(RK_ASM_SLOT, expected, unequal)
		   RK_ASM_COPY_OUT(offset, target, length) RK_ASM_COMMIT_STORE(value),
		   RK_LIST(RK_OP_INPUTS, RK_IN(offset), RK_IN(target), RK_IN_LENGTH(length), RK_IN_WORD(expected),
			   RK_IN_WORD(value)),
		   RK_USES_COPY, RK_OP_LABELS, unequal);
	RK_WRITTEN(target, length);
	RK_OP_WAYS_OUT_IF_EQUAL
}

/* The operations that publish data, with relaxed order and with release order. */
#define RK_OP_PUBLISH(verb) RK_OP(verb)
#define RK_OP_COMMIT_STORE RK_ASM_COMMIT_STORE
#define RK_OP_COMMIT_HEAD RK_ASM_COMMIT_HEAD
#include <rseqkit/detail/ops_publish.h>
#undef RK_OP_PUBLISH
#undef RK_OP_COMMIT_STORE
#undef RK_OP_COMMIT_HEAD

#define RK_OP_PUBLISH(verb) RK_OP(verb##_release)
#define RK_OP_COMMIT_STORE RK_ASM_COMMIT_STORE_RELEASE
#define RK_OP_COMMIT_HEAD RK_ASM_COMMIT_HEAD_RELEASE
#include <rseqkit/detail/ops_publish.h>
#undef RK_OP_PUBLISH
#undef RK_OP_COMMIT_STORE
#undef RK_OP_COMMIT_HEAD

#undef RK_OP
#undef RK_OP_KIND
#undef RK_OP_INLINE
#undef RK_OP_CPU_PARAM
#undef RK_OP_INDEX_INPUTS
#undef RK_OP_INDEX_SLOT
#undef RK_OP_ENTER_BANK
#undef RK_OP_EXITS
#undef RK_OP_EXITS_VALUE
#undef RK_OP_LABELS
#undef RK_OP_WAY_CLOSED
#undef RK_OP_PARAMS
#undef RK_OP_CHECK
#undef RK_OP_CHECK_AREA
#undef RK_OP_WAYS_OUT
#undef RK_OP_WAYS_OUT_IF_EQUAL
#undef RK_OP_WAYS_OUT_VALUE
#undef RK_OP_INPUTS
#undef RK_OP_SLOT
#undef RK_OP_LEAVE
