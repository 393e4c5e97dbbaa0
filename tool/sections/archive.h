/* SPDX-License-Identifier: MIT */
/* archive.h - reads the members of an archive (made by ar), in GNU's and BSD's form, for `rseqkit lint`. */
#ifndef RK_TOOL_SECTIONS_ARCHIVE_H
#define RK_TOOL_SECTIONS_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct archive {
	const uint8_t *bytes;
	size_t size, at;
	const char *names; /* GNU's table of long names */
	size_t names_size;
	bool broken;       /* a member's header is damaged, or a member isn't whole */
};

struct member {
	char name[256];
	const uint8_t *bytes;
	size_t size;
};

/* Is this an archive? Thin archives are archives, too. */
bool archive_is(const uint8_t *bytes, size_t size);

/* Begins to read an archive. Returns false for a thin archive, which has only the names of its members. */
bool archive_begin(struct archive *archive, const uint8_t *bytes, size_t size);

/* Reads the next member, but skips the archive's own tables. Returns false after the last member. */
bool archive_next(struct archive *archive, struct member *member);

#endif /* RK_TOOL_SECTIONS_ARCHIVE_H */
