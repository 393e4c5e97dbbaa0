/* SPDX-License-Identifier: MIT */
/* describe.h - what catalog.c's child writes about a file's critical sections. */
#ifndef RK_TOOL_TORTURE_DESCRIBE_H
#define RK_TOOL_TORTURE_DESCRIBE_H

#include "lint/image.h"
#include "torture.h"

/*
 * The beginning of the description. As many `struct segment`, `struct torture_section` and `struct torture_insn` follow as the
 * counts say.
 */
struct contents {
	uint32_t segments, sections, insns;
	uint64_t thread_local;
	struct torture_function functions[FUNCTIONS];
};

/* Writes the description of an image. Returns false if memory is short, or the file can't be written. */
bool describe_image(struct image *image, int fd, FILE *out);

#endif /* RK_TOOL_TORTURE_DESCRIBE_H */
