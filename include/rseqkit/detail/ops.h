/* SPDX-License-Identifier: MIT */
/*
 * ops.h - the inline operations of ../ops.h, which ops_indexes.h and ops_body.h define for each kind of index, and the slow
 * paths that they call.
 */
#ifndef RSEQKIT_DETAIL_OPS_H
#define RSEQKIT_DETAIL_OPS_H

#include <rseqkit/ops.h>

RKI_BEGIN_DECLS

/*
 * The slow paths of operations whose section found no valid index. All operations share them.
 *
 *   rki_leave()     registers the thread if possible. Returns RK_ABORTED if the thread is registered now, otherwise RK_NO_RSEQ
 *   rki_leave_at()  in a registered thread, returns RK_ABORTED if the thread runs on `cpu` by now, otherwise RK_WRONG_CPU. In
 *                   a thread that isn't registered, does the same as rki_leave()
 *
 * They may be called in the same contexts as operations.
 */
RKI_API enum rk_result rki_leave(void);
RKI_API enum rk_result rki_leave_at(int cpu);

/*
 * Tells the compiler that rki_leave() and rki_leave_at() never return RK_DONE, which the compiler can't know. Otherwise, after
 * an operation that was done, the compiler would still store the outcome in a register and test it.
 */
static inline __attribute__((__unused__)) enum rk_result rki_not_done(enum rk_result outcome)
{
	if (outcome == RK_DONE)
		__builtin_unreachable();
	return outcome;
}

/*
 * RKI_IS_SHORT is true if the length is a constant of at most 16 bytes. In that case the compiler loads the bytes before the
 * section. It often has them in registers, so the program needn't even store them to memory.
 */
#define RKI_IS_SHORT(length) (__builtin_constant_p(length) && (length) <= 2 * sizeof(uint64_t))

/* Returns the 8 bytes at offset `at` of an array of `length` bytes. Bytes after the array's end read as 0. */
static inline __attribute__((__unused__, __always_inline__)) intptr_t rki_word_at(const void *bytes, size_t at, size_t length)
{
	uint64_t word = 0;

	if (at < length)
		__builtin_memcpy(&word, (const char *)bytes + at, length - at < sizeof(word) ? length - at : sizeof(word));
	return (intptr_t)word;
}

/*
 * Returns a number that tells the assembler how a section copies `length` bytes. If the length is a constant and a multiple
 * of 8 up to 40, the section has a load and a store for each word. Then this function returns 100 plus the number of words,
 * otherwise 0. (100 is added because the assembler compares the operand's text with constants. If the compiler has a small
 * constant in a register, it possibly passes the register instead.)
 */
static inline __attribute__((__unused__, __always_inline__)) intptr_t rki_copied(size_t length)
{
	if (!__builtin_constant_p(length) || length % sizeof(uint64_t) != 0 || length == 0 || length > 5 * sizeof(uint64_t))
		return 0;
	return 100 + (intptr_t)(length / sizeof(uint64_t));
}

#include <rseqkit/detail/ops_indexes.h>

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_OPS_H */
