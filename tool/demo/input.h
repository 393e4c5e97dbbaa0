/* SPDX-License-Identifier: MIT */
/*
 * input.h - the files to count, read into memory once.
 *
 * What is counted is what was read: a file that changes or shrinks afterwards changes nothing.
 */
#ifndef RK_TOOL_DEMO_INPUT_H
#define RK_TOOL_DEMO_INPUT_H

#include <stdbool.h>
#include <stddef.h>

struct demo_file {
	unsigned char *bytes;
	size_t size;
};

struct demo_input {
	struct demo_file *files;
	size_t count;
	size_t size;    /* of all files, bytes */
	size_t skipped; /* special files below a directory */
	bool has_standard_input;
};

/*
 * Adds a file, every regular file below a directory, or for "-" what standard input has until its end; a path given twice is
 * there twice, but for standard input, which is refused then. A FIFO is read until its end, too. Symbolic links are followed
 * where given, never below a directory, so there is no loop to run into. Returns false, after complaining, when
 * something can't be read.
 */
bool demo_input_add(struct demo_input *input, const char *path);

void demo_input_release(struct demo_input *input);

#endif /* RK_TOOL_DEMO_INPUT_H */
