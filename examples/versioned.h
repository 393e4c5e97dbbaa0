/* SPDX-License-Identifier: MIT */
/*
 * versioned.h - an operation of a program's own, made of the library's primitives (rseqkit/arch/section.h);
 * doc/sections.md goes through it instruction by instruction.
 *
 * A slot points to an object of its CPU, whose value has two halves. The version says which of them is valid: the even
 * or the odd one. To set the value is to store it in the other half, where nobody looks yet, and then the next version.
 * So whoever reads the version and then that half has a value that was set, however many words it may have.
 */
#ifndef VERSIONED_H
#define VERSIONED_H

#include <rseqkit/ops.h>

struct versioned {
	intptr_t version;
	intptr_t halves[2];
};

/*
 * On the CPU that it runs on, if the version is still the one given. base is the address of slot 0, whose word is a
 * struct versioned pointer. RK_UNEQUAL if the version is another, or the slot points to nothing; else as any operation.
 */
static inline __attribute__((__unused__)) enum rk_result versioned_set(void *base, intptr_t version, intptr_t value)
{
#if RK_HAVE_SECTIONS
	const ptrdiff_t first = offsetof(struct versioned, version), even = offsetof(struct versioned, halves);
	const ptrdiff_t size = sizeof(intptr_t);
	const intptr_t next = version + 1;
	const ptrdiff_t half = even + (next & 1) * size;

	RK_SECTION(RK_ASM_EXIT(leave) RK_ASM_EXIT(unequal),
		   RK_ASM_INDEX_CPU(RK_ASM_C)
		   RK_ASM_FOLLOW(unequal, first)
		   RK_ASM_UNLESS_EQUAL(RK_ASM_SLOT, version, unequal)
		   RK_ASM_REACH(half)
		   RK_ASM_STORE(RK_ASM_REACHED(half), value)
		   RK_ASM_COMMIT_STORE(next),
		   RK_LIST(RK_IN(base), RK_IN_WORD(first), RK_IN_WORD(version), RK_IN(half), RK_IN_WORD(value),
			   RK_IN_WORD(next)),
		   RK_USES_LOADED, leave, unequal);
	return RK_DONE;
aborted:
	return RK_ABORTED;
unequal:
	return RK_UNEQUAL;
leave:
	return rki_leave();
#else
	(void)base;
	(void)version;
	(void)value;
	return RK_NO_RSEQ;
#endif
}

#endif /* VERSIONED_H */
