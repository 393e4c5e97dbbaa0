/* SPDX-License-Identifier: MIT */
/*
 * ops_publish.h - the operations by which one thread hands something to others, written once for both orders.
 * ops_body.h includes this twice, with RK_OP_COMMIT_STORE saying how the last store is ordered; nothing else does.
 *
 * With release order, who reads the slot from another CPU with acquire and finds what was stored also finds all that
 * was stored before: for publishing a pointer. Relaxed is enough for readers on the same CPU.
 */

/* Stores `value` into the slot's word if that equals `expected`, else RK_UNEQUAL. */
RKI_INLINE enum rk_result RK_OP_PUBLISH(store_if_equal) RK_OP_PARAMS(void *base, intptr_t expected, intptr_t value)
{
	RK_OP_CHECK((void)0)
	RK_SECTION(RK_OP_EXITS RK_ASM_EXIT(unequal),
		   RK_OP_SLOT(RK_ASM_C) RK_ASM_UNLESS_EQUAL(RK_ASM_SLOT, expected, unequal) RK_OP_COMMIT_STORE(value),
		   RK_LIST(RK_OP_INPUTS, RK_IN_WORD(expected), RK_IN_WORD(value)), RK_USES_SLOT, RK_OP_LABELS, unequal);
	RK_OP_WAYS_OUT_IF_EQUAL
}

/*
 * Stores `desired` into the slot's word if that equals *expected. Else RK_UNEQUAL, and *expected becomes the word that
 * was found: for a loop that computes the next value from it. Any other outcome leaves *expected alone.
 */
RKI_INLINE enum rk_result RK_OP_PUBLISH(compare_exchange) RK_OP_PARAMS(void *base, intptr_t *expected, intptr_t desired)
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

/*
 * Stores `value` into the slot's word if that equals `expected` and the word `offset` bytes behind the slot equals
 * `other`, else RK_UNEQUAL.
 */
RKI_INLINE enum rk_result RK_OP_PUBLISH(store_if_both_equal)
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

/*
 * If the slot's word equals `expected`, stores `first` into the word `offset` bytes behind the slot and then `value`
 * into the slot's word, else RK_UNEQUAL. After RK_ABORTED the first store may have been done: that word is for what
 * means nothing yet, like the element behind the last one of an array whose length is the slot's word.
 */
RKI_INLINE enum rk_result RK_OP_PUBLISH(store_two_if_equal)
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

/*
 * If the slot's word equals `expected`, copies `length` bytes from `source` to `offset` bytes behind the slot and then
 * stores `value` into the slot's word, else RK_UNEQUAL. After RK_ABORTED some of the bytes may have been copied. The
 * source must be readable memory, and not overlap where it is copied to; some of it is read twice. A repetition starts
 * all over, so what takes longer than the time between two interruptions never ends: a few KiB are fine.
 */
RKI_INLINE enum rk_result RK_OP_PUBLISH(copy_if_equal)
	RK_OP_PARAMS(void *base, intptr_t expected, ptrdiff_t offset, const void *source, size_t length, intptr_t value)
{
	RK_OP_CHECK((void)0)
	RK_SECTION(RK_OP_EXITS RK_ASM_EXIT(unequal),
		   RK_OP_SLOT(RK_ASM_C) RK_ASM_UNLESS_EQUAL(RK_ASM_SLOT, expected, unequal) RK_ASM_COPY(offset, source, length)
		   RK_OP_COMMIT_STORE(value),
		   RK_LIST(RK_OP_INPUTS, RK_IN(offset), RK_IN(source), RK_IN(length), RK_IN_WORD(expected),
			   RK_IN_WORD(value)),
		   RK_USES_COPY, RK_OP_LABELS, unequal);
	RK_OP_WAYS_OUT_IF_EQUAL
}

/* Puts a node in front of the list in the slot's word: what that held goes to the word `next` bytes into the node. */
RKI_INLINE enum rk_result RK_OP_PUBLISH(push) RK_OP_PARAMS(void *base, void *node, ptrdiff_t next)
{
	intptr_t *link = (intptr_t *)((char *)node + next);

	RK_OP_CHECK((void)0)
	RK_SECTION(RK_OP_EXITS,
		   RK_OP_SLOT(RK_ASM_C) RK_ASM_LOAD RK_ASM_STORE_LOADED(link) RK_OP_COMMIT_STORE(node),
		   RK_LIST(RK_OP_INPUTS, RK_IN(node), RK_IN(link)), RK_USES_LOADED, RK_OP_LABELS);
	RK_WRITTEN(link, sizeof(*link));
	RK_OP_WAYS_OUT
}

/*
 * If the log that the slot is (struct rk_log) has room for `size` bytes up to its limit, stores the word `header` at its
 * head, copies `length` bytes from `source` behind that, and advances the head by `size`; else RK_UNEQUAL. The stamped form
 * stores the clock between the two: in an order that agrees with that of the heads. `size` is a multiple of 8 that all of
 * it fits into, `mask` the size of the log less one. After RK_ABORTED what is behind the head may have been written. The
 * source is as for copy_if_equal.
 */
RKI_INLINE enum rk_result RK_OP_PUBLISH(append)
	RK_OP_PARAMS(void *base, intptr_t header, const void *source, size_t length, intptr_t size, intptr_t mask)
{
	RK_OP_CHECK((void)0)
	RK_SECTION(RK_OP_EXITS RK_ASM_EXIT(unequal),
		   RK_OP_SLOT(RK_ASM_C) RK_ASM_LOAD RK_ASM_UNLESS_ROOM(size, unequal) RK_ASM_PLACE(mask) RK_ASM_PUT(header)
		   RK_ASM_PUT_COPY(source, length) RK_OP_COMMIT_HEAD,
		   RK_LIST(RK_OP_INPUTS, RK_IN(header), RK_IN(source), RK_IN(length), RK_IN(size),
			   RK_IN_IF_ROOM(mask)),
		   RK_USES_LOG, RK_OP_LABELS, unequal);
	RK_OP_WAYS_OUT_IF_EQUAL
}

RKI_INLINE enum rk_result RK_OP_PUBLISH(append_stamped)
	RK_OP_PARAMS(void *base, intptr_t header, const void *source, size_t length, intptr_t size, intptr_t mask)
{
	RK_OP_CHECK((void)0)
	RK_SECTION(RK_OP_EXITS RK_ASM_EXIT(unequal),
		   RK_OP_SLOT(RK_ASM_C) RK_ASM_LOAD RK_ASM_UNLESS_ROOM(size, unequal) RK_ASM_PLACE(mask) RK_ASM_PUT(header)
		   RK_ASM_PUT_STAMP RK_ASM_PUT_COPY(source, length) RK_OP_COMMIT_HEAD,
		   RK_LIST(RK_OP_INPUTS, RK_IN(header), RK_IN(source), RK_IN(length), RK_IN(size),
			   RK_IN_IF_ROOM(mask)),
		   RK_USES_LOG, RK_OP_LABELS, unequal);
	RK_OP_WAYS_OUT_IF_EQUAL
}
