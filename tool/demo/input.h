/* SPDX-License-Identifier: MIT */
/*
 * input.h - reads into memory the files that `rseqkit demo` counts. Each file is read only once, so that changes of a file during
 * the run don't affect the counts.
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
	size_t size;    /* bytes of all files together */
	size_t skipped; /* how many special files below directories weren't read */
	bool has_standard_input;
};

/*
 * Adds the file at `path`, every regular file below the directory at `path`, or standard input if `path` is "-". A FIFO and
 * standard input are read until their end. A path that is given twice is counted twice, but a second "-" is refused. A
 * symbolic link is followed if it is given as `path`, but not if it is found below a directory, so there are no loops. If
 * reading fails, prints a message and returns false.
 */
bool demo_input_add(struct demo_input *input, const char *path);

void demo_input_release(struct demo_input *input);

#endif /* RK_TOOL_DEMO_INPUT_H */
