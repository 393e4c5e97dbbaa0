/* SPDX-License-Identifier: MIT */
/* describe.h - the description of a file's critical sections, which a child process makes for catalog.c. */
#ifndef RK_TOOL_TORTURE_DESCRIBE_H
#define RK_TOOL_TORTURE_DESCRIBE_H

#include "sections/image.h"
#include "torture.h"

/*
 * The beginning of the description. After it follow `segments` structures of type struct segment, `sections` of type struct
 * torture_section, and `insns` of type struct torture_insn.
 */
struct contents {
	uint32_t segments, sections, insns;
	uint64_t thread_local;
	struct torture_function functions[FUNCTIONS];
};

/* Writes the description of the image to `out`. `fd` is the image's file. Returns false if memory is short or writing fails. */
bool describe_image(struct image *image, int fd, FILE *out);

#endif /* RK_TOOL_TORTURE_DESCRIBE_H */
