/* SPDX-License-Identifier: MIT */
/*
 * ops_publish.h - the operations by which one thread hands something to others, written once for both orders.
 * ops_body.h includes this twice, with RK_OP_COMMIT_STORE saying how the last store is ordered; nothing else does.
 *
 * With release order, who reads the slot from another CPU with acquire and finds what was stored also finds all that
 * was stored before: for publishing a pointer. Relaxed is enough for readers on the same CPU.
 */

/* Stores `value` into the slot's word if that equals `expected`, else RK_UNEQUAL. */
RK_INLINE enum rk_result RK_OP_PUBLISH(store_if_equal) RK_OP_PARAMS(void *base, intptr_t expected, intptr_t value)
{
	RK_OP_CHECK
	RK_SECTION(RK_ASM_EXIT(leave) RK_ASM_EXIT(unequal),
		   RK_OP_SLOT RK_ASM_UNLESS_EQUAL(expected, unequal) RK_OP_COMMIT_STORE(value),
		   RK_LIST(RK_OP_INPUTS, RK_IN_WORD(expected), RK_IN_WORD(value)), leave, unequal);
	return RK_DONE;
unequal:
	return RK_UNEQUAL;
aborted:
	return RK_ABORTED;
leave:
	return RK_OP_LEAVE;
}
