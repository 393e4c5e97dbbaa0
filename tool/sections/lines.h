/* SPDX-License-Identifier: MIT */
/* lines.h - source lines and unwind information of an ELF file for `rseqkit lint`, read by libdw. */
#ifndef RK_TOOL_SECTIONS_LINES_H
#define RK_TOOL_SECTIONS_LINES_H

#include "image.h"

struct lines;

/*
 * lines_open() reads the file `fd`. For a member of an archive, this is a file with only this member. Returns NULL if libdw can't
 * read the file. lines_close() frees the result.
 */
struct lines *lines_open(const struct image *image, int fd);
void lines_close(struct lines *lines);

/* Returns the source file of an address, and stores its line in *line. Returns NULL if they aren't known. */
const char *lines_find(struct lines *lines, uint64_t address, int *line);

/* Is there unwind information for the address, and does it say that the function hasn't saved the register there? */
bool lines_is_unsaved(struct lines *lines, uint64_t address, int number);

#endif /* RK_TOOL_SECTIONS_LINES_H */
