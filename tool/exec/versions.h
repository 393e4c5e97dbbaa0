/* SPDX-License-Identifier: MIT */
/*
 * versions.h - checks whether the C library that belongs to a dynamic linker has the symbol versions that a preloaded library
 * needs.
 */
#ifndef RK_TOOL_EXEC_VERSIONS_H
#define RK_TOOL_EXEC_VERSIONS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Searches the linker, and the files in its folder, for the symbol versions that `library` needs from these files. Returns
 * true if a version is missing, and stores the first missing version in `version`. A file that can't be read counts as
 * complete.
 */
bool exec_lacks_version(const char *linker, const char *library, char *version, size_t size);

#endif /* RK_TOOL_EXEC_VERSIONS_H */
