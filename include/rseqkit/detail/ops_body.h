/* SPDX-License-Identifier: MIT */
/*
 * ops_body.h - the operations, written once for all kinds of index, for slots and for banks. ops_kind.h includes this file, and
 * defines what differs. This file undefines that, too. No other file includes this one, so it has no include guard.
 *
 * Every operation consists of checks, one asm statement (RK_SECTION) that is made of the primitives of arch/section.h, and
 * the code for the section's exits. ../ops.h says what each operation does, and what all operations have in common.
 */

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
	RKI_SECTION_ADD(RK_OP_EXITS, RK_OP_SLOT(RK_ASM_C), RK_LIST(RK_OP_INPUTS), RK_USES_SLOT, RK_OP_LABELS);
	RK_OP_WAYS_OUT
}

RK_OP_INLINE enum rk_result RK_OP(add_through) RK_OP_PARAMS(void *base, ptrdiff_t offset, intptr_t value)
{
	RK_OP_CHECK((void)0)
	RKI_SECTION_ADD(RK_OP_EXITS RK_ASM_EXIT(unequal), RK_OP_SLOT(RK_ASM_C) RK_ASM_FOLLOW(unequal, offset),
			RK_LIST(RK_OP_INPUTS, RK_IN_WORD(offset)), RK_USES_SLOT, RK_OP_LABELS, unequal);
	RK_OP_WAYS_OUT_IF_EQUAL
}

RK_OP_INLINE enum rk_result RK_OP(pop) RK_OP_PARAMS(void *base, intptr_t end, ptrdiff_t next, void **node)
{
	enum rk_result outcome = RK_DONE;
	intptr_t popped;

	RK_OP_CHECK(*node = RKI_NULL)
	RKI_SECTION_POP(RK_OP_EXITS_VALUE, RK_OP_SLOT(RK_ASM_HERE), RK_LIST(RK_OP_INPUTS));
	RK_OP_WAYS_OUT_VALUE(*node = (void *)popped, *node = RKI_NULL)
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

	RK_OP_CHECK(*element = RKI_NULL)
	RK_SECTION_VALUE(outcome, popped,
			 RK_OP_EXITS_VALUE RK_ASM_EXIT_VALUE(unequal, RK_ASM_UNEQUAL),
			 RK_OP_SLOT(RK_ASM_HERE) RK_ASM_LOAD RK_ASM_LOAD_LAST(RK_ASM_HERE, value, unequal) RK_ASM_STEP(step)
			 RK_ASM_COMMIT_LOADED,
			 RK_LIST(RK_OP_INPUTS, RK_IN_WORD_AS(step, RK_ARRAY_POPPED(1))), RK_USES_ARRAY);
	RK_OP_WAYS_OUT_VALUE(*element = (void *)popped, *element = RKI_NULL)
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

#undef RK_OP_WAYS_OUT
#undef RK_OP_WAYS_OUT_IF_EQUAL
#undef RK_OP_WAYS_OUT_VALUE
#undef RK_OP
#undef RK_OP_PARAMS
#undef RK_OP_INPUTS
#undef RK_OP_SLOT
#undef RK_OP_EXITS
#undef RK_OP_EXITS_VALUE
#undef RK_OP_LABELS
#undef RK_OP_WAY_CLOSED
