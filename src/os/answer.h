/* SPDX-License-Identifier: MIT */
/* answer.h - answers in structures that may grow: a caller knows as much of one as its header did. */
#ifndef RK_SRC_ANSWER_H
#define RK_SRC_ANSWER_H

#include <stddef.h>
#include <string.h>

/* Copies what the caller has room for; what it has besides, as of a later version, becomes zero. */
static inline void rk_answer(void *to, size_t size, const void *full, size_t full_size)
{
	if (size > full_size) {
		memset((char *)to + full_size, 0, size - full_size);
		size = full_size;
	}
	memcpy(to, full, size);
}

#endif /* RK_SRC_ANSWER_H */
