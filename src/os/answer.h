/* SPDX-License-Identifier: MIT */
/*
 * answer.h - copies the structures by which callers pass options to public functions, or get answers from them. Later
 * versions of the library append members to these structures, and a caller knows only the members that its header has.
 */
#ifndef RK_SRC_ANSWER_H
#define RK_SRC_ANSWER_H

#include <errno.h>
#include <stddef.h>
#include <string.h>

/*
 * Copies the answer `full` to the caller's structure, as much as the caller has room for. If the caller's structure is
 * longer, because its header is of a later version, the rest becomes zero.
 */
static inline void rk_answer(void *to, size_t size, const void *full, size_t full_size)
{
	if (size > full_size) {
		memset((char *)to + full_size, 0, size - full_size);
		size = full_size;
	}
	memcpy(to, full, size);
}

/*
 * Reads the caller's options, which are `size` bytes long. Options that the caller doesn't know become zero.
 *
 * Returns 0; -EINVAL if there are no options; -E2BIG if the caller sets an option that this library doesn't know: a byte
 * after the known bytes isn't zero.
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
