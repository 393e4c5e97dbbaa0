/* SPDX-License-Identifier: MIT */
/* add.h - the section of counters and readers, which adds to the word of a slot. */
#ifndef RSEQKIT_DETAIL_ADD_H
#define RSEQKIT_DETAIL_ADD_H

#include <rseqkit/slot.h>

RKI_BEGIN_DECLS

/* Defines a function that tries once to add `value` to the word of the slot that the kind of index (arch/arch.h) selects. */
#define RKI_ADD_BY(kind, name)                                                                                         \
	static inline __attribute__((__unused__)) enum rk_result name(void *base, intptr_t value)                      \
	{                                                                                                              \
		if (RKI_NO_AREA)                                                                                       \
			return RKI_LEAVE_BY(kind);                                                                     \
		RKI_SECTION_ADD(RK_ASM_EXIT(leave), RKI_ASM_INDEX(kind, RK_ASM_C), RK_LIST(RKI_IN_INDEX(kind, base)),  \
				RK_USES_SLOT, leave);                                                                  \
		return RK_DONE;                                                                                        \
	aborted:                                                                                                       \
		return RK_ABORTED;                                                                                     \
	leave:                                                                                                         \
		return RKI_LEAVE_BY(kind);                                                                             \
	}

RKI_ADD_BY(RKI_BY_CPU, rki_add)

RKI_END_DECLS

#endif /* RSEQKIT_DETAIL_ADD_H */
