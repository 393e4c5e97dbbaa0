/* SPDX-License-Identifier: MIT */
/* sorted.h - binary search, for arrays of any type. */
#ifndef RK_TOOL_SORTED_H
#define RK_TOOL_SORTED_H

#include <stddef.h>

/*
 * Returns the number of elements at the begin of a sorted array for which the condition holds. The condition names an element by
 * the index `i`, for example: COUNT_WHILE(i, count, list[i].address <= address). If it doesn't hold for an element, it holds for
 * none of the elements after that.
 */
#define COUNT_WHILE(i, count, condition)                                                                               \
	__extension__({                                                                                                \
		size_t sorted_low = 0, sorted_high = (count);                                                          \
                                                                                                                       \
		while (sorted_low < sorted_high) {                                                                     \
			const size_t i = sorted_low + (sorted_high - sorted_low) / 2;                                  \
                                                                                                                       \
			if (condition)                                                                                 \
				sorted_low = i + 1;                                                                    \
			else                                                                                           \
				sorted_high = i;                                                                       \
		}                                                                                                      \
		sorted_low;                                                                                            \
	})

#endif /* RK_TOOL_SORTED_H */
