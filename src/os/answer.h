/* SPDX-License-Identifier: MIT */
/* answer.h - options and answers in structures that may grow. A caller knows as much of a structure as its header did. */
#ifndef RK_SRC_ANSWER_H
#define RK_SRC_ANSWER_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Copies as much of an answer as the caller has room for. If the caller knows a later version, the rest becomes zero. */
static inline void rk_answer(void *to, size_t size, const void *full, size_t full_size)
{
	if (size > full_size) {
		memset((char *)to + full_size, 0, size - full_size);
		size = full_size;
	}
	memcpy(to, full, size);
}

/*
 * Reads options, of which the caller knows `size` bytes. Options that the caller doesn't know become zero.
 *
 * Returns 0; -EINVAL without options; -E2BIG if the caller wants something that this library doesn't know: a byte after the
 * known ones isn't zero.
 */
static inline int rk_question(void *full, size_t full_size, const void *given, size_t size)
{
	if (given == NULL || size == 0)
		return -EINVAL;
	for (size_t i = full_size; i < size; i++)
		if (((const unsigned char *)given)[i] != 0)
			return -E2BIG;
	memset(full, 0, full_size);
	memcpy(full, given, size < full_size ? size : full_size);
	return 0;
}

#endif /* RK_SRC_ANSWER_H */
