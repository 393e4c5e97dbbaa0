/* SPDX-License-Identifier: MIT */
/*
 * versioned.h - a program's own operation, made of the library's primitives (rseqkit/arch/section.h). doc/sections.md explains
 * each instruction.
 *
 * Per-CPU memory has a slot for each CPU, which points to an object of the CPU. The object has a version and two places for its
 * value, the `halves`. If the version is even, the first half is valid, otherwise the second half. The operation stores the new
 * value in the half that isn't valid. Then it stores the next version: this is the commit. A thread reads the version, and then
 * the valid half. If the version is still the same after this, the thread has a value that was set. The halves can have any size.
 */
#ifndef VERSIONED_H
#define VERSIONED_H

#include <rseqkit/ops.h>

struct versioned {
	intptr_t version;
	intptr_t halves[2];
};

/*
 * Sets the value of this CPU's object, if its version is `version`.
 *
 * Parameters: base is the address of slot 0. Each slot has a struct versioned pointer.
 *
 * Returns RK_UNEQUAL if the object has another version, or the slot has no object. Otherwise returns an outcome as the operations
 * of rseqkit/ops.h do.
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
