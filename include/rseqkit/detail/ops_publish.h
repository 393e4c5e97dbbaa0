/* SPDX-License-Identifier: MIT */
/*
 * ops_publish.h - the operations by which a thread publishes data to other threads. They are written once for both memory
 * orders, relaxed and release: ops_body.h includes this file twice, and defines RK_OP_COMMIT_STORE for the order of the last
 * store. No other file includes this one.
 */

RK_OP_INLINE enum rk_result RK_OP_PUBLISH(store_if_equal) RK_OP_PARAMS(void *base, intptr_t expected, intptr_t value)
{
	RK_OP_CHECK((void)0)
	RK_SECTION(RK_OP_EXITS RK_ASM_EXIT(unequal),
		   RK_OP_SLOT(RK_ASM_C) RK_ASM_UNLESS_EQUAL(RK_ASM_SLOT, expected, unequal) RK_OP_COMMIT_STORE(value),
		   RK_LIST(RK_OP_INPUTS, RK_IN_WORD(expected), RK_IN_WORD(value)), RK_USES_SLOT, RK_OP_LABELS, unequal);
	RK_OP_WAYS_OUT_IF_EQUAL
}

RK_OP_INLINE enum rk_result RK_OP_PUBLISH(compare_exchange) RK_OP_PARAMS(void *base, intptr_t *expected, intptr_t desired)
{
	enum rk_result outcome = RK_DONE;
	intptr_t found, wanted = *expected;

	RK_OP_CHECK((void)0)
	RK_SECTION_VALUE(outcome, found,
			 RK_OP_EXITS_VALUE RK_ASM_EXIT_VALUE(unequal, RK_ASM_UNEQUAL),
			 RK_OP_SLOT(RK_ASM_HERE) RK_ASM_LOAD RK_ASM_KEEP
			 RK_ASM_UNLESS_LOADED(RK_ASM_HERE, wanted, unequal) RK_OP_COMMIT_STORE(desired),
			 RK_LIST(RK_OP_INPUTS, RK_IN_WORD(wanted), RK_IN_WORD(desired)), RK_USES_LOADED);
	if (outcome == RK_UNEQUAL)
		*expected = found;
	RK_OP_WAYS_OUT_VALUE((void)0, (void)0)
}

RK_OP_INLINE enum rk_result RK_OP_PUBLISH(store_if_both_equal)
	RK_OP_PARAMS(void *base, intptr_t expected, ptrdiff_t offset, intptr_t other, intptr_t value)
{
	RK_OP_CHECK((void)0)
	RK_SECTION(RK_OP_EXITS RK_ASM_EXIT(unequal),
		   RK_OP_SLOT(RK_ASM_C) RK_ASM_UNLESS_EQUAL(RK_ASM_SLOT, expected, unequal) RK_ASM_REACH(offset)
		   RK_ASM_UNLESS_EQUAL(RK_ASM_REACHED(offset), other, unequal) RK_OP_COMMIT_STORE(value),
		   RK_LIST(RK_OP_INPUTS, RK_IN(offset), RK_IN_WORD(expected), RK_IN_WORD(other), RK_IN_WORD(value)),
		   RK_USES_LOADED, RK_OP_LABELS, unequal);
	RK_OP_WAYS_OUT_IF_EQUAL
}

RK_OP_INLINE enum rk_result RK_OP_PUBLISH(store_two_if_equal)
	RK_OP_PARAMS(void *base, intptr_t expected, ptrdiff_t offset, intptr_t first, intptr_t value)
{
	RK_OP_CHECK((void)0)
	RK_SECTION(RK_OP_EXITS RK_ASM_EXIT(unequal),
		   RK_OP_SLOT(RK_ASM_C) RK_ASM_UNLESS_EQUAL(RK_ASM_SLOT, expected, unequal) RK_ASM_REACH(offset)
		   RK_ASM_STORE(RK_ASM_REACHED(offset), first) RK_OP_COMMIT_STORE(value),
		   RK_LIST(RK_OP_INPUTS, RK_IN(offset), RK_IN_WORD(expected), RK_IN_WORD(first), RK_IN_WORD(value)),
		   RK_USES_LOADED, RK_OP_LABELS, unequal);
	RK_OP_WAYS_OUT_IF_EQUAL
}

RK_OP_INLINE enum rk_result RK_OP_PUBLISH(copy_if_equal)
	RK_OP_PARAMS(void *base, intptr_t expected, ptrdiff_t offset, const void *source, size_t length, intptr_t value)
{
	RK_OP_CHECK((void)0)
	RK_SECTION(RK_OP_EXITS RK_ASM_EXIT(unequal),
		   RK_OP_SLOT(RK_ASM_C) RK_ASM_UNLESS_EQUAL(RK_ASM_SLOT, expected, unequal) RK_ASM_COPY(offset, source, length)
		   RK_OP_COMMIT_STORE(value),
		   RK_LIST(RK_OP_INPUTS, RK_IN(offset), RK_IN(source), RK_IN_LENGTH(length), RK_IN_WORD(expected),
			   RK_IN_WORD(value)),
		   RK_USES_COPY, RK_OP_LABELS, unequal);
	RK_OP_WAYS_OUT_IF_EQUAL
}

RK_OP_INLINE enum rk_result RK_OP_PUBLISH(push) RK_OP_PARAMS(void *base, void *node, ptrdiff_t next)
{
	intptr_t *link = (intptr_t *)(void *)((char *)node + next);

	RK_OP_CHECK((void)0)
	RKI_SECTION_PUSH(RK_OP_EXITS, RK_OP_SLOT(RK_ASM_C), RK_LIST(RK_OP_INPUTS), RK_OP_COMMIT_STORE, RK_OP_LABELS);
	RK_WRITTEN(link, sizeof(*link));
	RK_OP_WAYS_OUT
}

#define RK_OP_APPEND(verb, stamp)                                                                                      \
	RK_OP_INLINE enum rk_result RK_OP_PUBLISH(verb)                                                                \
		RK_OP_PARAMS(void *base, intptr_t header, const void *source, size_t length, intptr_t size, intptr_t mask) \
	{                                                                                                              \
		RK_OP_CHECK((void)0)                                                                                   \
		RKI_SECTION_APPEND(RK_OP_EXITS RK_ASM_EXIT(unequal), RK_OP_SLOT(RK_ASM_C), RK_LIST(RK_OP_INPUTS),      \
				   RK_OP_COMMIT_HEAD, stamp, RK_OP_LABELS, unequal);                                   \
		RK_OP_WAYS_OUT_IF_EQUAL                                                                                \
	}

RK_OP_APPEND(append, )
RK_OP_APPEND(append_stamped, RK_ASM_PUT_STAMP(RK_ASM_IN_ORDER))
RK_OP_APPEND(append_stamped_unordered, RK_ASM_PUT_STAMP())

#undef RK_OP_APPEND
