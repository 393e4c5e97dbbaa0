/* SPDX-License-Identifier: MIT */
/* slot.h - the slow paths of sections, and what sections are written with. */
#ifndef RSEQKIT_DETAIL_SLOT_H
#define RSEQKIT_DETAIL_SLOT_H

#include <rseqkit/slot.h>

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
 * The outcome of a section that found no valid index. RKI_LEAVE is that of a section by the current CPU, RKI_LEAVE_CID of one by
 * the concurrency id, RKI_LEAVE_AT of one for a given CPU. RKI_LEAVE_BY takes the kind of index (arch/arch.h) as a parameter. If
 * the kernel has no concurrency ids, another attempt would find no index either.
 */
#define RKI_LEAVE_BY(kind) kind(RKI_LEAVE)
#define RKI_LEAVE_CPU RKI_LEAVE
#if RK_HAVE_SECTIONS
#define RKI_LEAVE rki_not_done(rki_leave())
#define RKI_LEAVE_CID (RKI_UNLIKELY(rk_area_valid < RK_FIELD_END_MM_CID) ? RK_NO_RSEQ : RKI_LEAVE)
#define RKI_LEAVE_AT(cpu) rki_not_done(rki_leave_at(cpu))
#else
#define RKI_LEAVE RK_NO_RSEQ
#define RKI_LEAVE_CID RK_NO_RSEQ
#define RKI_LEAVE_AT(cpu) RK_NO_RSEQ
#endif

/* The operation of this kind of index: RKI_OPERATION(RKI_BY_CPU, add) is rk_cpu_add. */
#define RKI_OPERATION(kind, verb) kind(RKI_OPERATION)(verb)
#define RKI_OPERATION_CPU(verb) rk_cpu_##verb
#define RKI_OPERATION_CID(verb) rk_cid_##verb

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
 * of 8 from 0 to 40, the section has a load and a store for each word. Then this function returns 100 plus the number of words,
 * otherwise 0. The assembler compares the operand's text with these numbers. 100 is added because compilers can pass a register
 * for a small number that the register already has.
 */
static inline __attribute__((__unused__, __always_inline__)) intptr_t rki_copied(size_t length)
{
	if (!__builtin_constant_p(length) || length % sizeof(uint64_t) != 0 || length > 5 * sizeof(uint64_t))
		return 0;
	return 100 + (intptr_t)(length / sizeof(uint64_t));
}

/*
 * The section that adds `value` to the word at which `place` ends. A constant that fits is added in place. `exits`, `inputs` and
 * the labels are those of RK_SECTION; `uses` are the registers of `place`.
 */
#define RKI_SECTION_ADD(exits, place, inputs, uses, ...)                                                               \
	if (RK_IMMEDIATE(value))                                                                                       \
		RK_SECTION(exits, place RK_ASM_COMMIT_ADD_IMMEDIATE(value), RK_LIST(inputs, RK_IN_WORD(value)),        \
			   RK_LIST(uses), __VA_ARGS__);                                                                \
	else                                                                                                           \
		RK_SECTION(exits, place RK_ASM_COMMIT_ADD(value), RK_LIST(inputs, RK_IN_WORD(value)), RK_USES_LOADED,  \
			   __VA_ARGS__)

/* The section that pushes `node`, whose word `link` becomes the address of the next node. `commit` stores a word. */
#define RKI_SECTION_PUSH(exits, place, inputs, commit, ...)                                                            \
	RK_SECTION(exits, place RK_ASM_LOAD RK_ASM_STORE_LOADED(link) commit(node),                                    \
		   RK_LIST(inputs, RK_IN(node), RK_IN(link)), RK_USES_LOADED, __VA_ARGS__)

/* The section that pops a node into `popped`, and leaves if the slot's word is `end`. The node's link is at offset `next`. */
#define RKI_SECTION_POP(exits, place, inputs)                                                                          \
	RK_SECTION_VALUE(outcome, popped, exits RK_ASM_EXIT_VALUE(unequal, RK_ASM_UNEQUAL),                            \
			 place RK_ASM_LOAD RK_ASM_IF_LOADED(RK_ASM_HERE, end, unequal)                                 \
			 RK_ASM_KEEP RK_ASM_LOAD_THROUGH(next) RK_ASM_COMMIT_LOADED,                                   \
			 RK_LIST(inputs, RK_IN_WORD(end), RK_IN_WORD(next)), RK_USES_LOADED)

/*
 * The section that appends a record of `length` bytes at `source` to a log. `stamp` stores a time stamp, or is empty. If the
 * length is a constant, conditions of C choose what is stored. The assembler couldn't choose by an operand's text, because
 * compilers can pass a register instead of the number.
 */
#define RKI_SECTION_APPEND(exits, place, inputs, commit, stamp, ...)                                                   \
	if (RKI_IS_SHORT(length) && (length) != 0) {                                                                   \
		intptr_t first = rki_word_at(source, 0, length), second = rki_word_at(source, 8, length);              \
                                                                                                                       \
		if (length <= 8)                                                                                       \
			RKI_SECTION_PUT(exits, place, RK_LIST(inputs), commit, stamp RK_ASM_PUT_AT(0, first),          \
					RK_IN_WORD(first), __VA_ARGS__);                                               \
		else                                                                                                   \
			RKI_SECTION_PUT(exits, place, RK_LIST(inputs), commit,                                         \
					stamp RK_ASM_PUT_AT(0, first) RK_ASM_PUT_AT(8, second),                        \
					RK_LIST(RK_IN_WORD(first), RK_IN_WORD(second)), __VA_ARGS__);                  \
	} else {                                                                                                       \
		RKI_SECTION_PUT(exits, place, RK_LIST(inputs), commit, stamp RK_ASM_PUT_COPY(source, length),          \
				RK_LIST(RK_IN(source), RK_IN_LENGTH(length)), __VA_ARGS__);                            \
	}

/* RKI_SECTION_PUT is the section for one length. `put` stores what follows the header, and `data` are its operands. */
#define RKI_SECTION_PUT(exits, place, inputs, commit, put, data, ...)                                                  \
	RK_SECTION(exits, place RK_ASM_LOAD RK_ASM_UNLESS_ROOM(size, unequal) RK_ASM_PLACE(mask) RK_ASM_PUT(header)    \
		   put commit, RK_LIST(inputs, RK_IN_WORD(header), data, RK_IN_WORD(size), RK_IN_IF_ROOM(mask)),       \
		   RK_USES_LOG, __VA_ARGS__)

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_SLOT_H */
