/* SPDX-License-Identifier: MIT */
/* add.h - the section of counters and readers, which adds to the word of the slot of the CPU that it runs on. */
#ifndef RSEQKIT_DETAIL_ADD_H
#define RSEQKIT_DETAIL_ADD_H

#include <rseqkit/slot.h>

RKI_BEGIN_DECLS

/* Tries once to add `value` to the slot's word. */
static inline __attribute__((__unused__)) enum rk_result rki_add(void *base, intptr_t value)
{
	if (RKI_NO_AREA)
		return RKI_LEAVE;
	RKI_SECTION_ADD(RK_ASM_EXIT(leave), RK_ASM_INDEX_CPU(RK_ASM_C), RK_IN(base), RK_USES_SLOT, leave);
	return RK_DONE;
aborted:
	return RK_ABORTED;
leave:
	return RKI_LEAVE;
}

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_ADD_H */
